// Who is inside: open connections, counted exactly over all workers. Each worker writes its own lane, every worker reads
// all, so that a dead worker's connections can be forgotten by clearing its lane.
//
// Connections of one address are kept in a count-min sketch: rows of counters, one in each row picked by a hash of its
// own, the smallest one counts. It is never too low; it is too high only for an address that meets others in every row,
// with n addresses inside (n / WIDTH)^ROWS of them: 4 in 10^9 of 1,000, 1 in 2,000 of 20,000.

/** Counters in a row. */
const WIDTH = 1 << 17
const ROWS = 4
/** A cache line for each lane's total. */
const TOTAL_STRIDE = 16

export type Doors = {
  /** Counts a connection; false, and nothing counted, when a bound is reached. */
  enter(address: string): boolean
  leave(address: string): void
  total(): number
  /** Other bounds for whoever comes from now on. */
  setBounds(bounds: Bounds): void
}

export type Bounds = {readonly total: number; readonly perClient: number | null}

/** Shared memory for the counters: 2 MiB for each lane, of which the system gives what is touched. */
export function createDoorsMemory(lanes: number): SharedArrayBuffer {
  const counters = (TOTAL_STRIDE + WIDTH * ROWS) * lanes
  return new SharedArrayBuffer(counters * Int32Array.BYTES_PER_ELEMENT)
}

/** What a worker sees of them. `seed` is the same for all and unknown outside, so that nobody can choose collisions. */
export function openDoors(memory: SharedArrayBuffer, lane: number, lanes: number, seed: number, bounds: Bounds): Doors {
  const counters = new Int32Array(memory)
  let {total: totalMax, perClient: perClientMax} = bounds
  const mine = lane * TOTAL_STRIDE
  const sketch = TOTAL_STRIDE * lanes
  const slot = (row: number, ofLane: number, hash: number) => sketch + (ofLane * ROWS + row) * WIDTH + (hash % WIDTH)
  const total = () => {
    let sum = 0
    for (let i = 0; i < lanes; i++) sum += Atomics.load(counters, i * TOTAL_STRIDE)
    return sum
  }
  const add = (index: number, amount: number) => {
    Atomics.add(counters, index, amount)
  }
  const ofClient = (address: string) => {
    let smallest = Number.POSITIVE_INFINITY
    for (let row = 0; row < ROWS; row++) {
      const hash = hashOf(address, seedOf(seed, row))
      let sum = 0
      for (let i = 0; i < lanes; i++) sum += Atomics.load(counters, slot(row, i, hash))
      smallest = Math.min(smallest, sum)
    }
    return smallest
  }
  const addClient = (address: string, amount: number) => {
    for (let row = 0; row < ROWS; row++) add(slot(row, lane, hashOf(address, seedOf(seed, row))), amount)
  }
  return {
    // Counted first and looked at then: two workers that look first would both take the last place.
    enter(address) {
      add(mine, 1)
      // Also without a bound for each: one that comes later counts those who are inside.
      addClient(address, 1)
      if (total() <= totalMax && (perClientMax === null || ofClient(address) <= perClientMax)) return true
      this.leave(address)
      return false
    },
    leave(address) {
      add(mine, -1)
      addClient(address, -1)
    },
    total,
    setBounds(next) {
      totalMax = next.total
      perClientMax = next.perClient
    },
  }
}

/** Forgets the connections of a worker that is gone. */
export function clearDoorsLane(memory: SharedArrayBuffer, lane: number, lanes: number): void {
  const counters = new Int32Array(memory)
  counters[lane * TOTAL_STRIDE] = 0
  const sketch = TOTAL_STRIDE * lanes + lane * ROWS * WIDTH
  counters.fill(0, sketch, sketch + ROWS * WIDTH)
}

// ---

// Far from each other: seeds that differ in one bit give hashes that meet for the same pairs.
function seedOf(seed: number, row: number): number {
  return Math.imul(seed + row, 0x9e3779b1) >>> 0
}

// FNV-1a, 32 bits, finished by a mix: addresses differ in few bits.
function hashOf(text: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  return hash >>> 0
}
