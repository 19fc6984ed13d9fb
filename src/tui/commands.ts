// What can be typed after ':'.

import {parseDuration} from '../base/units.ts'
import type {Action} from './actions.ts'
import {type Order, plainOrder, renew, rollback, suspend, undrain, unweigh} from './orders.ts'
import {chosenId} from './position.ts'
import type {ScreenName, State} from './state.ts'

export type Command = {
  readonly name: string
  /** What may stand behind it. */
  readonly operand: '' | '[ID]' | '[ID] WEIGHT' | '[REVISION]'
  readonly summary: string
  /** Whether the daemon has to know it. */
  readonly isOrder: boolean
  readonly run: (state: State, operand: string, next: string) => Action
}

export const COMMANDS: readonly Command[] = [
  order('sync', 'look at the commits and files now', () => plainOrder('sync')),
  {
    name: 'drain',
    operand: '[ID]',
    summary: 'give an instance no new requests for a while',
    isOrder: true,
    run: (state, operand) => withId(state, 'instances', operand, id => askLease(id, null)),
  },
  {
    name: 'undrain',
    operand: '[ID]',
    summary: 'give a drained instance requests again',
    isOrder: true,
    run: (state, operand) => withId(state, 'instances', operand, id => sure(undrain(id), `undrain ${id}?`)),
  },
  {
    name: 'weight',
    operand: '[ID] WEIGHT',
    summary: 'give an instance another share for a while',
    isOrder: true,
    run: (state, operand, next) => {
      const [id, weight] = next === '' ? ['', operand] : [operand, next]
      if (!isWeight(weight)) return refuse(`'${weight}' is not a weight from 0 to 1000`)
      return withId(state, 'instances', id, chosen => askLease(chosen, Number(weight)))
    },
  },
  {
    name: 'unweight',
    operand: '[ID]',
    summary: 'give an instance its own weight again',
    isOrder: true,
    run: (state, operand) => withId(state, 'instances', operand, id => sure(unweigh(id), `unweight ${id}?`)),
  },
  {
    name: 'renew',
    operand: '[ID]',
    summary: 'order a certificate anew',
    isOrder: true,
    run: (state, operand) => withId(state, 'certs', operand, id => sure(renew(id), `renew ${id}?`)),
  },
  {
    name: 'rollback',
    operand: '[REVISION]',
    summary: 'serve an earlier revision, and refuse what came after it',
    isOrder: true,
    run: (state, operand) => {
      const revision = operand || (state.screen === 'commits' ? (chosenId(state)?.split(' ')[1] ?? '') : '')
      return sure(rollback(revision, state.operator), `roll back to ${revision || 'the revision before'}?`)
    },
  },
  order('suspend', 'apply nothing new until resumed', state => suspend(state.operator)),
  order('resume', 'apply what is new again', () => plainOrder('resume')),
  order('confirm', 'keep the revision that waits for it', () => plainOrder('confirm')),
  goTo('routes', 'screen 1'),
  goTo('instances', 'screen 2'),
  goTo('certs', 'screen 3'),
  goTo('commits', 'screen 4'),
  goTo('traffic', 'screen 5'),
  goTo('log', 'screen 6'),
  {
    name: 'help',
    operand: '',
    summary: 'keys and commands',
    isOrder: false,
    run: () => ({type: 'help', isOpen: true}),
  },
  {name: 'quit', operand: '', summary: 'leave', isOrder: false, run: leave},
]

/** Commands that begin with what was typed so far. */
export function candidates(text: string): readonly Command[] {
  const word = text.trimStart().split(' ', 1)[0] ?? ''
  return COMMANDS.filter(({name}) => name.startsWith(word))
}

/** What the line asks for; a notice when it asks for nothing that there is. The first letters of a command are enough. */
export function actionOfCommand(state: State, text: string): Action {
  const [word = '', operand = '', next = '', ...more] = text.trim().split(/ +/)
  if (word === '') return {type: 'prompt', prompt: null}
  const found = COMMANDS.find(({name}) => name === word)
  const [first, ...others] = candidates(word)
  const command = found ?? (others.length === 0 ? first : undefined)
  if (first === undefined) return refuse(`there is no command '${word}'`)
  if (command === undefined) return refuse(`'${word}' may be ${[first, ...others].map(({name}) => name).join(' or ')}`)
  const given = [operand, next, ...more].filter(Boolean).length
  if (given > command.operand.split(' ').filter(Boolean).length)
    return refuse(`usage: ${`${command.name} ${command.operand}`.trim()}`)
  if (command.isOrder && state.missing.has(command.name))
    return refuse(`${command.name} is not available by this daemon`)
  return command.run(state, operand, next)
}

/** Asks for how long first: a drain, or with a weight that. */
export function askLease(id: string, weight: number | null): Action {
  return {type: 'prompt', prompt: {kind: 'lease', weight, step: 'for', id, for: '', text: '10m'}}
}

/** 'drain orders@10.0.0.1:8080', 'weight orders@10.0.0.1:8080 3' */
export function nameOfLease({id, weight}: {readonly id: string; readonly weight: number | null}): string {
  return weight === null ? `drain ${id}` : `weight ${id} ${weight}`
}

/** Whether a lease may last that long. */
export function isLeaseTime(text: string): boolean {
  const ms = parseDuration(text)
  return ms !== null && ms >= 1000
}

/** Leaves, and asks first where that stops the daemon. */
export function leave(state: State): Action {
  if (!state.isAttached) return {type: 'quit'}
  const question = 'leaving stops the daemon: leave?'
  return {type: 'prompt', prompt: {kind: 'sure', question, order: 'quit'}}
}

/** Asks before anything is done. */
export function sure(order: Order, question: string): Action {
  return {type: 'prompt', prompt: {kind: 'sure', question, order}}
}

export function refuse(text: string): Action {
  return {type: 'notice', tone: 'bad', text}
}

// ---

function order(name: string, summary: string, make: (state: State) => Order): Command {
  return {name, operand: '', summary, isOrder: true, run: state => sure(make(state), `${name}?`)}
}

function goTo(screen: ScreenName, summary: string): Command {
  return {name: screen, operand: '', summary, isOrder: false, run: () => ({type: 'go', screen})}
}

function isWeight(text: string): boolean {
  return /^\d{1,4}$/.test(text) && Number(text) <= 1000
}

function withId(state: State, screen: ScreenName, operand: string, act: (id: string) => Action): Action {
  const id = operand || (state.screen === screen ? chosenId(state) : null)
  return id ? act(id) : refuse(`choose one on the screen of ${screen}, or name it`)
}
