// Active health: instances are asked whether they are well, and who is not gets no requests. A verdict belongs to what is
// asked, not to the snapshot that says so: it outlives reloads, and only a question that nobody asks any more is forgotten.
//
//   prepare (before a snapshot is applied) → watch (after it) → rounds → probe → verdict → gates

import type {SecureContext} from 'node:tls'
import type {Clock} from '../../base/clock.ts'
import {messageOf} from '../../base/errors.ts'
import type {Log} from '../../base/log.ts'
import type {Check, Instance, Snapshot} from '../../snapshot/snapshot.ts'
import {createGates} from './gates.ts'
import {type Outcome, probe, type Question} from './probe.ts'
import {requestOf, tlsOf} from './request.ts'
import {type Ask, createRounds} from './rounds.ts'
import {createKeptSession, type KeptSession} from './session.ts'
import {observe, reasonOf, unknownSince, type Verdict} from './verdict.ts'

export type Health = {
  /** Before `next` is applied: who is known to be down there, or must not begin before it is well, is closed. */
  prepare(next: World): void
  /** What is served from now on, and asked. New checks begin; those that are gone end; the others notice nothing. */
  watch(next: World): void
  /** What is known about a check; null when nobody asks it. */
  stateOf(check: string): CheckState | null
  close(): void
}

/** The part of a snapshot that health is about. */
export type World = Pick<Snapshot, 'pools' | 'instances' | 'checks'>

export type CheckState = {
  readonly state: Verdict['state']
  /** '3 checks failed: connection refused'; '' when all is well. */
  readonly reason: string
  readonly sinceMs: number
}

export type HealthParts = {
  readonly clock: Clock
  readonly log: Log
  readonly random?: () => number
  /** Of an instance; none, with the reason, when its name leads nowhere. */
  readonly addressesOf: (host: string) => {readonly addresses: readonly string[]; readonly reason: string}
  readonly setVerdict: (member: string, isDown: boolean) => void
  /** 'routesd/1.0.0' */
  readonly userAgent: string
  readonly parallel?: number
  /** An instance, by its key, was found well: every time, not only when that is news. */
  readonly onWell?: (instance: string) => void
}

/** Probes under way. Each has a descriptor; 5,000 instances that all keep silent for 2 s are gone through in 10 s. */
const PARALLEL = 1000

type Asked = {
  readonly check: Check
  instance: Instance
  verdict: Verdict
  readonly session: KeptSession
  /** Who goes by the verdict. */
  members: {readonly key: string; readonly service: string}[]
}

export function createHealth(parts: HealthParts): Health {
  const {clock, log, addressesOf, userAgent, onWell, parallel = PARALLEL, random = Math.random} = parts
  const gates = createGates(parts.setVerdict)
  const rounds = createRounds({clock, random, parallel})
  const asked = new Map<string, Asked>()
  /** Emptied with every world, so that it holds no more than that one's rules. */
  const contexts = new Map<string, SecureContext>()
  /** Members that wait for their first verdict. */
  const held = new Set<string>()
  let served: World = {pools: [], instances: [], checks: []}
  let couldNotAsk = false

  function prepare(next: World): void {
    // Most reloads of most people have nothing to do with health.
    if (next.checks.length === 0 && asked.size === 0) return
    const checks = new Map(next.checks.map(check => [check.key, check]))
    if (next.checks.some(({startDown}) => startDown)) holdNew(next, checks)
    const verdicts = verdictsByQuestion()
    gates.set(next.pools, member => {
      const check = member.check === null ? undefined : checks.get(member.check)
      return check !== undefined && isClosed(member.key, knownOf(check, verdicts) ?? unknownSince(0))
    })
  }

  // Only what is new starts down: a service that serves goes on when it is told to ask.
  function holdNew({pools}: World, checks: ReadonlyMap<string, Check>): void {
    const serving = new Set(
      served.pools.flatMap(pool => pool.members.flatMap(({key, isDown}) => (isDown ? [] : [key]))),
    )
    for (const {key, check} of pools.flatMap(pool => pool.members)) {
      if (check !== null && checks.get(check)?.startDown && !serving.has(key)) held.add(key)
    }
  }

  function isClosed(member: string, {state}: Verdict): boolean {
    return state === 'down' || (state === 'unknown' && held.has(member))
  }

  function knownOf(check: Check, verdicts: ReadonlyMap<string, Verdict>): Verdict | undefined {
    return asked.get(check.key)?.verdict ?? verdicts.get(questionOf(check))
  }

  // The same question in another interval, or with another patience, has been answered already.
  function verdictsByQuestion(): Map<string, Verdict> {
    return new Map([...asked.values()].map(({check, verdict}) => [questionOf(check), verdict]))
  }

  function watch(next: World): void {
    if (next.checks.length === 0 && asked.size === 0) {
      served = next
      return
    }
    prepare(next)
    gates.retain(next.pools)
    contexts.clear()
    const verdicts = verdictsByQuestion()
    const instances = new Map(next.instances.map(instance => [instance.key, instance]))
    const wanted = new Set(next.checks.map(({key}) => key))
    for (const key of asked.keys()) {
      if (wanted.has(key)) continue
      rounds.remove(key)
      asked.delete(key)
    }
    for (const check of next.checks) {
      const instance = instances.get(check.instance)
      if (!instance) throw new Error(`check ${check.key} asks no instance that there is`)
      const known = asked.get(check.key)
      if (known) {
        if (known.instance !== instance) known.session.forget()
        Object.assign(known, {instance, members: []})
        continue
      }
      const verdict = verdicts.get(questionOf(check)) ?? unknownSince(clock.now())
      begin({check, instance, members: [], verdict, session: createKeptSession()})
    }
    for (const {name, members} of next.pools) {
      for (const {key, check} of members) if (check !== null) asked.get(check)?.members.push({key, service: name})
    }
    forgetHeld()
    served = next
  }

  function forgetHeld(): void {
    if (held.size === 0) return
    const waiting = [...asked.values()].filter(({verdict}) => verdict.state === 'unknown')
    const keys = new Set(waiting.flatMap(({members}) => members.map(({key}) => key)))
    for (const key of held) if (!keys.has(key)) held.delete(key)
  }

  function begin(one: Asked): void {
    asked.set(one.check.key, one)
    rounds.add(one.check.key, one.check.intervalMs, askerOf(one))
  }

  function askerOf(one: Asked): Ask {
    return onClose => {
      try {
        const question = questionFor(one)
        if (question.addresses.length > 0) return probe(question, clock, outcome => take(one, outcome), onClose)
        take(one, {
          kind: 'unwell',
          why: addressesOf(one.instance.host).reason || `${one.instance.host}: not resolved yet`,
        })
      } catch (error) {
        // Certificates or keys that cannot be read, or a server name that cannot be asked for.
        take(one, {kind: 'unwell', why: messageOf(error)})
      }
      onClose()
      return () => {}
    }
  }

  function questionFor({check, instance, session}: Asked): Question {
    return {
      addresses: addressesOf(instance.host).addresses,
      port: instance.port,
      tls: tlsOf(check, instance, contexts),
      session,
      request: requestOf(check, instance, userAgent),
      isHttp2: instance.protocol === 'http2',
      expect: check.probe.kind === 'http' ? check.probe.expect : [],
      timeoutMs: Math.min(check.timeoutMs, TIMEOUT_MAX_MS),
    }
  }

  function take(one: Asked, outcome: Outcome): void {
    if (outcome.kind === 'unasked') {
      if (!couldNotAsk) log.error('instances cannot be checked; their verdicts stand', {why: outcome.why})
      couldNotAsk = true
      return
    }
    couldNotAsk = false
    if (outcome.kind === 'well') onWell?.(one.instance.key)
    const before = one.verdict
    one.verdict = observe(before, outcome.kind === 'well' ? '' : outcome.why, one.check, clock.now())
    if (one.verdict.state !== before.state) flip(one, before)
  }

  function flip({instance, verdict, members}: Asked, before: Verdict): void {
    const wasHeld = members.some(({key}) => held.has(key))
    for (const {key} of members) {
      gates.put(key, verdict.state === 'down')
      held.delete(key)
    }
    const fields = {service: namesOf(members), instance: instance.key.replace(/#.*$/, '')}
    if (verdict.state === 'down') log.warn('an instance is down', {...fields, reason: reasonOf(verdict)})
    // Who was used all the while has only been confirmed.
    else if (before.state === 'down' || wasHeld) log.info('an instance is up', fields)
    else log.debug('an instance is up', fields)
  }

  return {
    prepare,
    watch,
    stateOf(check) {
      const one = asked.get(check)
      return one ? {state: one.verdict.state, reason: reasonOf(one.verdict), sinceMs: one.verdict.sinceMs} : null
    },
    close: () => rounds.close(),
  }
}

// ---

/** What a timer of Node can wait for. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** Names in a line of the log. */
const NAMES_MAX = 5

function namesOf(members: Asked['members']): string {
  const names = [...new Set(members.map(({service}) => service))]
  const more = names.length - NAMES_MAX
  return names.slice(0, NAMES_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function questionOf({instance, probe: asks}: Check): string {
  return JSON.stringify([instance, asks])
}
