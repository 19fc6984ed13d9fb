// The terminal UI, put together: the daemon's words and somebody's keys become actions, actions the next state, and the
// state a frame, ten times a second at the most.

import {render} from 'ink'
import {createElement} from 'react'
import type {AdminClient} from '../admin/client.ts'
import type {Action, Source} from './actions.ts'
import {App} from './app.ts'
import {startFeed} from './feed.ts'
import {actionOf} from './keys.ts'
import {ASCII, UNICODE} from './look.ts'
import {reduce} from './reduce.ts'
import {initialState, type ScreenName, type Size} from './state.ts'

export type TuiOptions = {
  readonly client: AdminClient
  readonly isAscii: boolean
  /** Leaving stops the daemon, so that is asked first. */
  readonly isAttached: boolean
  readonly operator: string
}

/** Frames a second at the most. */
const FRAMES = 10

/** Shows the daemon until somebody leaves. Standard input and output must be a terminal. */
export async function startTui({client, isAscii, isAttached, operator}: TuiOptions): Promise<void> {
  const {stdin, stdout} = process
  const look = {glyphs: isAscii ? ASCII : UNICODE}
  let state = initialState(sizeOf(stdout), now(), {isAttached, operator})
  let scheduled: NodeJS.Timeout | null = null
  let drawnMs = 0
  let isOver = false

  const app = () => createElement(App, {state, look, onKey: key => dispatch(actionOf(state, key))})
  // Keys that were pressed too early have been echoed: the first frame must begin in the first column all the same.
  stdin.setRawMode(true)
  stdout.write('\r')
  const screen = render(app(), {
    alternateScreen: true,
    incrementalRendering: true,
    exitOnCtrlC: false,
    interactive: true,
    maxFps: 2 * FRAMES,
  })
  const feed = startFeed({client, dispatch, wanted: () => SOURCES[state.screen], now})
  const onResize = () => dispatch({type: 'resize', size: sizeOf(stdout)})
  stdout.on('resize', onResize)

  function dispatch(action: Action | null): void {
    if (action === null || isOver) return
    state = reduce(state, action)
    if (action.type === 'order') void feed.perform(action.order)
    if (action.type === 'go') feed.wake()
    if (action.type === 'quit') leave()
    else schedule('atMs' in action)
  }

  // A key is answered at once. What the daemon says waits for what comes with it, so that one frame shows both.
  function schedule(isNews: boolean): void {
    const waitMs = isNews ? 1000 / FRAMES : Math.max(0, drawnMs + 1000 / FRAMES - now())
    scheduled ??= setTimeout(draw, waitMs)
  }

  function leave(): void {
    isOver = true
    screen.unmount()
  }

  function draw(): void {
    scheduled = null
    drawnMs = now()
    screen.rerender(app())
  }

  try {
    await screen.waitUntilExit()
  } finally {
    if (scheduled) clearTimeout(scheduled)
    stdout.off('resize', onResize)
    feed.close()
  }
}

// ---

/** Routes are read on every screen, because the header counts what goes through them. */
const SOURCES: Readonly<Record<ScreenName, readonly Source[]>> = {
  routes: ['routes', 'history', 'instances'],
  instances: ['instances', 'routes', 'history'],
  certs: ['certs', 'routes', 'history', 'instances'],
  commits: ['history', 'routes', 'instances'],
  traffic: ['routes', 'history', 'instances'],
  log: ['routes', 'history', 'instances'],
}

function sizeOf({columns = 80, rows = 24}: NodeJS.WriteStream): Size {
  return {columns, rows}
}

// Monotonic, so that a clock that is set changes no rate.
function now(): number {
  return performance.timeOrigin + performance.now()
}
