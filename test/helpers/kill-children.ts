// What a program has started goes with it when a machine or a container is switched off (Linux; elsewhere it stays).

import {readdirSync, readFileSync} from 'node:fs'

/** Sends SIGKILL to all that a process has started, and to what those have started. */
export function killChildren(pid: number): void {
  for (const child of childrenOf(pid)) {
    killChildren(child)
    try {
      process.kill(child, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

// ---

function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux') return []
  const found: number[] = []
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name) && parentOf(name) === pid) found.push(Number(name))
  }
  return found
}

// 'pid (name) state ppid …', where the name may have anything in it; 0 when it is gone.
function parentOf(pid: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}
