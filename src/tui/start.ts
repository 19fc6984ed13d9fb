// The terminal UI, put together: the daemon's words and somebody's keys become actions, actions the next state, and the
// state a frame: ten times a second at the most after a key or a change, once a second where only numbers are others, and
// not at all where it would look like the one before.

import {render} from 'ink'
import {createElement} from 'react'
import type {AdminClient} from '../admin/client.ts'
import type {Action, Source} from './actions.ts'
import {App, isSameScreen} from './app.ts'
import {startFeed} from './feed.ts'
import {actionOf, type Key} from './keys.ts'
import {ASCII, UNICODE} from './look.ts'
import {reduce} from './reduce.ts'
import {initialState, type ScreenName, type Size, type State} from './state.ts'
import {frame} from './views/frame.ts'

export type TuiOptions = {
  readonly client: AdminClient
  readonly isAscii: boolean
  /** Leaving stops the daemon, so that is asked first. */
  readonly isAttached: boolean
  readonly operator: string
}

/** Frames a second at the most. */
const FRAMES = 10
/** Between frames that only have other numbers. */
const NUMBERS_MS = 1_000
const TICK_MS = 1_000

/** Shows the daemon until somebody leaves. Standard input and output must be a terminal. */
export async function startTui({client, isAscii, isAttached, operator}: TuiOptions): Promise<void> {
  const {stdin, stdout} = process
  const look = {glyphs: isAscii ? ASCII : UNICODE}
  let state = initialState(sizeOf(stdout), now(), {isAttached, operator})
  let timer: NodeJS.Timeout | undefined
  let dueMs = Number.POSITIVE_INFINITY
  let drawnMs = 0
  let shown = {size: state.size, lines: frame(state, look)}
  let isOver = false

  const onKey = (key: Key) => dispatch(actionOf(state, key))
  const app = () => createElement(App, {...shown, onKey})
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
  const ticking = setInterval(() => dispatch({type: 'tick', atMs: now()}), TICK_MS)

  function dispatch(action: Action | null): void {
    if (action === null || isOver) return
    const isPatient = hasOnlyNumbers(action, state)
    const atMs = Math.max(now() + delayOf(action), drawnMs + (isPatient ? NUMBERS_MS : 1000 / FRAMES))
    state = reduce(state, action)
    if (action.type === 'order') void feed.perform(action.order)
    if (action.type === 'go') feed.wake()
    if (action.type === 'quit') leave()
    else schedule(atMs)
  }

  function schedule(atMs: number): void {
    if (dueMs <= atMs) return
    clearTimeout(timer)
    dueMs = atMs
    timer = setTimeout(draw, Math.max(0, atMs - now()))
  }

  function leave(): void {
    isOver = true
    screen.unmount()
  }

  function draw(): void {
    dueMs = Number.POSITIVE_INFINITY
    const lines = frame(state, look)
    if (state.size === shown.size && isSameScreen(lines, shown.lines)) return
    shown = {size: state.size, lines}
    drawnMs = now()
    screen.rerender(app())
  }

  try {
    await screen.waitUntilExit()
  } finally {
    clearInterval(ticking)
    clearTimeout(timer)
    stdout.off('resize', onResize)
    feed.close()
  }
}

// ---

// A key is answered at once. What the daemon says waits for what comes with it, so that one frame shows both.
function delayOf(action: Action): number {
  return 'atMs' in action ? 1000 / FRAMES : 0
}

function hasOnlyNumbers(action: Action, {lists}: State): boolean {
  if (action.type === 'fetched') return typeof lists[action.fetched.source] !== 'string'
  return action.type === 'tick' || (action.type === 'event' && action.event.type === 'traffic')
}

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
