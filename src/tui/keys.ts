// Keys → what they ask for. The table is also what '?' shows.

import type {Action} from './actions.ts'
import {actionOfCommand, askLease, candidates, isLeaseTime, leave, nameOfLease, refuse, sure} from './commands.ts'
import {drain, undrain, weigh} from './orders.ts'
import {chosenId} from './position.ts'
import {type Prompt, SCREEN_NAMES, type State} from './state.ts'

/** A printable character, a pasted text, or the name of a key: 'up', 'enter', 'ctrl-c'. */
export type Key = {readonly name: string; readonly isText: boolean}

export type Binding = {
  readonly keys: readonly string[]
  readonly summary: string
  /** Shown in the last line. */
  readonly hint?: string
  readonly run: (state: State) => Action | null
}

export const BINDINGS: readonly Binding[] = [
  ...SCREEN_NAMES.map((screen, index): Binding => {
    return {keys: [String(index + 1)], summary: screen, run: () => ({type: 'go', screen})}
  }),
  {keys: ['tab'], summary: 'next screen', run: state => goBy(state, 1)},
  {keys: ['shift-tab'], summary: 'previous screen', run: state => goBy(state, -1)},
  {keys: ['j', 'down'], summary: 'next row', run: () => ({type: 'move', by: 1})},
  {keys: ['k', 'up'], summary: 'previous row', run: () => ({type: 'move', by: -1})},
  {keys: ['pagedown', 'ctrl-d'], summary: 'a page down', run: () => ({type: 'move', by: 'page-down'})},
  {keys: ['pageup', 'ctrl-u'], summary: 'a page up', run: () => ({type: 'move', by: 'page-up'})},
  {keys: ['g', 'home'], summary: 'first row', run: () => ({type: 'move', by: 'first'})},
  {keys: ['G', 'end'], summary: 'last row', run: () => ({type: 'move', by: 'last'})},
  {
    keys: ['enter'],
    summary: 'the row in detail',
    hint: 'detail',
    run: state => ({type: 'detail', isOpen: !state.isDetailOpen}),
  },
  {keys: ['/'], summary: "only rows with these words; '!' first: without", hint: 'filter', run: askFilter},
  {keys: ['s', 'right'], summary: 'sort by the next column', hint: 'sort', run: () => ({type: 'sort', step: 1})},
  {keys: ['left'], summary: 'sort by the column before', run: () => ({type: 'sort', step: -1})},
  {keys: ['S'], summary: 'the other way round', run: () => ({type: 'reverse'})},
  {keys: [':'], summary: 'a command', hint: 'command', run: () => ask({kind: 'command', text: ''})},
  {keys: ['d'], summary: 'drain the instance', run: drainChosen},
  {keys: ['u'], summary: 'undrain the instance', run: undrainChosen},
  {keys: ['w'], summary: 'weigh the instance', run: weighChosen},
  {keys: ['?'], summary: 'this text', hint: 'help', run: state => ({type: 'help', isOpen: state.helpTop === null})},
  {keys: ['escape'], summary: 'back', run: back},
  {keys: ['q', 'ctrl-c'], summary: 'leave', hint: 'quit', run: leave},
]

/** What the key asks for in this state; null for nothing. */
export function actionOf(state: State, key: Key): Action | null {
  if (key.name === 'ctrl-c') return state.prompt?.kind === 'sure' && state.prompt.order === 'quit' ? QUIT : leave(state)
  if (state.prompt !== null) return answer(state, state.prompt, key)
  return BINDINGS.find(({keys}) => keys.includes(key.name))?.run(state) ?? null
}

// ---

const QUIT: Action = {type: 'quit'}

function ask(prompt: Prompt | null): Action {
  return {type: 'prompt', prompt}
}

function askFilter(state: State): Action {
  const {filter} = state.views[state.screen]
  return ask({kind: 'filter', text: filter, before: filter})
}

function goBy(state: State, by: number): Action {
  const index = (SCREEN_NAMES.indexOf(state.screen) + by + SCREEN_NAMES.length) % SCREEN_NAMES.length
  return {type: 'go', screen: SCREEN_NAMES[index] ?? 'routes'}
}

function back(state: State): Action | null {
  if (state.helpTop !== null) return {type: 'help', isOpen: false}
  if (state.isDetailOpen) return {type: 'detail', isOpen: false}
  return state.views[state.screen].filter === '' ? null : {type: 'filter', text: ''}
}

function drainChosen(state: State): Action | null {
  const id = state.screen === 'instances' ? chosenId(state) : null
  return id === null ? null : askLease(id, null)
}

function undrainChosen(state: State): Action | null {
  const id = state.screen === 'instances' ? chosenId(state) : null
  return id === null ? null : sure(undrain(id), `undrain ${id}?`)
}

function weighChosen(state: State): Action | null {
  const id = state.screen === 'instances' ? chosenId(state) : null
  return id === null ? null : ask({kind: 'command', text: `weight ${id} `})
}

function answer(state: State, prompt: Prompt, key: Key): Action | null {
  if (prompt.kind === 'sure') return decide(prompt, key)
  if (key.name === 'escape') return prompt.kind === 'filter' ? giveUp(prompt) : ask(null)
  if (key.name === 'enter') return submit(state, prompt)
  if (key.name === 'tab' && prompt.kind === 'command') return complete(prompt)
  const text = edit(prompt.text, key)
  return text === null ? null : ask({...prompt, text})
}

// Only a plain yes is one.
function decide({order}: Extract<Prompt, {kind: 'sure'}>, key: Key): Action | null {
  if (key.name === 'y' || key.name === 'Y') return order === 'quit' ? QUIT : {type: 'order', order}
  return key.name === 'n' || key.name === 'N' || key.name === 'escape' || key.name === 'enter' ? ask(null) : null
}

function giveUp({before}: Extract<Prompt, {kind: 'filter'}>): Action {
  return before === '' ? ask(null) : {type: 'filter', text: before}
}

function submit(state: State, prompt: Exclude<Prompt, {kind: 'sure'}>): Action {
  if (prompt.kind === 'filter') return {type: 'filter', text: prompt.text}
  if (prompt.kind === 'command') return actionOfCommand(state, prompt.text)
  const {id, weight, text} = prompt
  if (prompt.step === 'why') {
    const {operator} = state
    const order =
      weight === null ? drain(id, prompt.for, text, operator) : weigh(id, weight, prompt.for, text, operator)
    const warning = weight === null || weight === 0 ? warningOf(state, id) : ''
    return sure(order, `${nameOfLease(prompt)} for ${prompt.for}?${warning}`)
  }
  if (!isLeaseTime(text)) return refuse(`'${text}' is not a time such as 10m or 1h30m`)
  return ask({...prompt, step: 'why', for: text, text: ''})
}

function complete(prompt: Extract<Prompt, {kind: 'command'}>): Action | null {
  const [first] = candidates(prompt.text)
  return first && !prompt.text.includes(' ') ? ask({kind: 'command', text: `${first.name} `}) : null
}

const TEXT_MAX = 500

function edit(text: string, key: Key): string | null {
  if (key.name === 'backspace') return [...text].slice(0, -1).join('')
  if (key.name === 'ctrl-u') return ''
  return key.isText ? (text + key.name).slice(0, TEXT_MAX) : null
}

function warningOf(state: State, id: string): string {
  const {instances} = state.lists
  if (typeof instances === 'string') return ''
  const service = instances.find(row => row.id === id)?.service
  const others = instances.filter(row => row.service === service && row.id !== id)
  const isLast = !others.some(row => row.state === 'up' || row.state === 'unknown')
  return isLast ? ` It is the last of ${service}: requests will be answered with 503.` : ''
}
