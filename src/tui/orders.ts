// What can be asked of the daemon, as POST of the admin socket.

export type Order = {
  /** Below /v1/. */
  readonly path: string
  readonly body: unknown
  /** What is done, for the log: 'drain orders@10.0.0.1:8080'. */
  readonly what: string
}

/** Actions and where a daemon that has them answers; the id is any, it is only asked whether there is such a path. */
export const ACTION_PATHS: Readonly<Record<string, string>> = {
  sync: 'sync',
  suspend: 'suspend',
  resume: 'resume',
  confirm: 'confirm',
  rollback: 'rollback',
  drain: 'instances/any/drain',
  undrain: 'instances/any/undrain',
  weight: 'instances/any/weight',
  unweight: 'instances/any/unweight',
  renew: 'certs/any/renew',
}

export function drain(id: string, duration: string, why: string, who: string): Order {
  const body = {...(duration !== '' && {for: duration}), why, who}
  return {path: `instances/${encodeURIComponent(id)}/drain`, body, what: `drain ${id}`}
}

export function undrain(id: string): Order {
  return {path: `instances/${encodeURIComponent(id)}/undrain`, body: {}, what: `undrain ${id}`}
}

export function weigh(id: string, weight: number, duration: string, why: string, who: string): Order {
  const body = {weight, ...(duration !== '' && {for: duration}), why, who}
  return {path: `instances/${encodeURIComponent(id)}/weight`, body, what: `weight ${id} ${weight}`}
}

export function unweigh(id: string): Order {
  return {path: `instances/${encodeURIComponent(id)}/unweight`, body: {}, what: `unweight ${id}`}
}

export function renew(id: string): Order {
  return {path: `certs/${encodeURIComponent(id)}/renew`, body: {}, what: `renew ${id}`}
}

export function rollback(revision: string, who: string): Order {
  return {path: 'rollback', body: {...(revision !== '' && {revision}), who}, what: `rollback ${revision}`.trim()}
}

export function suspend(who: string): Order {
  return {path: 'suspend', body: {who}, what: 'suspend'}
}

/** 'sync', 'resume' or 'confirm'. */
export function plainOrder(action: string): Order {
  return {path: action, body: {}, what: action}
}
