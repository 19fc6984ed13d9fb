// What belongs to texts, to be found by texts that were just cut out of what somebody sent. A Map has V8 enter such a key into
// its table of all strings before it looks: that costs more than the look, and with many keys it is memory that the
// processor has not seen for a while. Few keys are compared one by one, more are found by open addressing.

import {hashOf} from './hash.ts'

/** As many keys are compared before it pays to hash. */
const FEW = 8

export class TextIndex<V> {
  /** Key, value, key, value, …: in their order while they are few, then each where its hash says or behind. */
  #entries: (string | V | undefined)[] = []
  /** Of each place; 0: nothing was ever there. null while they are few. */
  #hashes: Uint32Array | null = null
  #used = 0
  #longest = 0
  size = 0

  get(key: string): V | undefined {
    if (key.length > this.#longest) return undefined
    const at = this.#find(key)
    return at < 0 ? undefined : (this.#entries[at + 1] as V)
  }

  set(key: string, value: V): void {
    const at = this.#find(key)
    if (at >= 0) {
      this.#entries[at + 1] = value
      return
    }
    this.#longest = Math.max(this.#longest, key.length)
    this.size++
    if (this.#hashes === null && this.size <= FEW) this.#entries.push(key, value)
    else this.#place(key, value)
  }

  delete(key: string): boolean {
    const at = this.#find(key)
    if (at < 0) return false
    this.size--
    // A place that was used stays so: what stands behind it is found across it.
    if (this.#hashes === null) this.#entries.splice(at, 2)
    else this.#entries.fill(undefined, at, at + 2)
    return true
  }

  keys(): string[] {
    return this.#entries.filter((_, i): _ is string => i % 2 === 0 && this.#entries[i] !== undefined)
  }

  values(): V[] {
    return this.#entries.filter((_, i): _ is V => i % 2 === 1 && this.#entries[i - 1] !== undefined)
  }

  // Where its entry is; -1 when there is none.
  #find(key: string): number {
    const entries = this.#entries
    const hashes = this.#hashes
    if (hashes === null) {
      for (let i = 0; i < entries.length; i += 2) if (entries[i] === key) return i
      return -1
    }
    const hash = hashed(key)
    const mask = hashes.length - 1
    // Half of the places are free: it ends.
    for (let place = hash & mask; hashes[place] !== 0; place = (place + 1) & mask) {
      if (hashes[place] === hash && entries[place * 2] === key) return place * 2
    }
    return -1
  }

  #place(key: string, value: V): void {
    if (this.#hashes === null || (this.#used + 1) * 2 > this.#hashes.length) this.#grow()
    const hashes = this.#hashes as Uint32Array
    const hash = hashed(key)
    const mask = hashes.length - 1
    let place = hash & mask
    while (hashes[place] !== 0) place = (place + 1) & mask
    hashes[place] = hash
    this.#entries[place * 2] = key
    this.#entries[place * 2 + 1] = value
    this.#used++
  }

  // Places for twice as many as there are now, without those that were left.
  #grow(): void {
    const [keys, values] = [this.keys(), this.values()]
    let places = 4 * FEW
    while (places < this.size * 4) places *= 2
    this.#hashes = new Uint32Array(places)
    this.#entries = new Array<string | V | undefined>(places * 2).fill(undefined)
    this.#used = 0
    for (const [i, key] of keys.entries()) this.#place(key, values[i] as V)
  }
}

// ---

// 0 stands for what was never used.
function hashed(key: string): number {
  return hashOf(key) || 1
}
