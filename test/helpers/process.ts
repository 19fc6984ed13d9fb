// What another process has taken so far, as Linux counts it.

import {readdirSync, readFileSync} from 'node:fs'

/** Ticks a second of the times in /proc: fixed for user space (proc(5)). */
const TICKS = 100

/** Seconds of processor time of all its threads. */
export function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name stands in brackets and may have blanks and brackets in it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

export function residentBytesOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Number(kib ?? Number.NaN) * 1024
}

/** Threads of it that have this name, as the kernel knows them. */
export function threadsOf(pid: number, name: string): string[] {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks).filter(id => readFileSync(`${tasks}/${id}/comm`, 'utf8').trim() === name)
}
