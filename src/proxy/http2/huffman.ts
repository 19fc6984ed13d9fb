// The code that HPACK packs texts with (RFC 7541 §5.2, appendix B), read four bits at a time. The code is canonical: the
// lengths of its words say all of it. We write texts plainly: what it saves on the wire it costs in time.

/** How many bytes `count` packed ones can become at most: the shortest word has five bits. */
export function unpackedMax(count: number): number {
  return Math.ceil((count * 8) / 5)
}

/**
 * Unpacks `bytes[from, to)` into `out` from its beginning and returns how many bytes it has become; -1 when it is not in
 * the code. `out` has room for unpackedMax.
 */
export function unpack(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let state = 0
  let length = 0
  let step = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    step = STEPS[(state << 4) | (byte >>> 4)] as number
    if ((step & HAS_SYMBOL) !== 0) out[length++] = step
    step = STEPS[((step >>> STATE_SHIFT) << 4) | (byte & 15)] as number
    if ((step & HAS_SYMBOL) !== 0) out[length++] = step
    if ((step & IS_INVALID) !== 0) return -1
    state = step >>> STATE_SHIFT
  }
  // What is left over is the beginning of EOS, of less than eight bits (RFC 7541 §5.2).
  return IS_PADDING[state] === 1 ? length : -1
}

// ---

const EOS = 256
// Lengths in bits of the words for 0…255 and EOS.
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6,
  5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23,
  22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22,
  23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26,
  20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27,
  27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27,
  27, 27, 27, 26, 30,
]

// A step: the symbol in the lowest byte, two flags, and the state behind it. Once invalid, always invalid.
const HAS_SYMBOL = 0x1_00
const IS_INVALID = 0x2_00
const STATE_SHIFT = 10

const {steps: STEPS, isPadding: IS_PADDING} = createSteps()

// Inner nodes of the tree are the states, its root is the first.
function createSteps(): {steps: Uint32Array; isPadding: Uint8Array} {
  const tree = createTree()
  const invalid = tree.length
  const steps = new Uint32Array((tree.length + 1) * 16)
  for (let state = 0; state <= invalid; state++) {
    for (let bits = 0; bits < 16; bits++) steps[(state << 4) | bits] = stepFrom(tree, state, bits)
  }
  const isPadding = new Uint8Array(tree.length + 1)
  for (let node = 0, depth = 0; depth < 8; depth++) {
    isPadding[node] = 1
    node = tree[node]?.[1] ?? invalid
  }
  return {steps, isPadding}
}

type Node = [zero: number, one: number]

/** A child below zero is the leaf of a symbol: -1 - symbol. */
function createTree(): Node[] {
  const tree: Node[] = [[0, 0]]
  let word = 0
  for (let length = 1; length <= 30; length++) {
    word *= 2
    for (let symbol = 0; symbol <= EOS; symbol++) if (LENGTHS[symbol] === length) plant(tree, word++, length, symbol)
  }
  return tree
}

function plant(tree: Node[], word: number, length: number, symbol: number): void {
  let node: Node | undefined = tree[0]
  for (let bit = length - 1; node && bit >= 0; bit--) {
    const side = (word >>> bit) & 1
    if (bit === 0) {
      node[side] = -1 - symbol
      return
    }
    if (node[side] === 0) node[side] = tree.push([0, 0]) - 1
    node = tree[node[side] ?? 0]
  }
}

function stepFrom(tree: readonly Node[], from: number, bits: number): number {
  const invalid = (tree.length << STATE_SHIFT) | IS_INVALID
  let state = from
  let symbol = -1
  for (let bit = 3; bit >= 0; bit--) {
    const next = tree[state]?.[(bits >>> bit) & 1]
    if (next === undefined || next === -1 - EOS) return invalid
    if (next < 0) symbol = -1 - next
    state = Math.max(next, 0)
  }
  return (state << STATE_SHIFT) | (symbol < 0 ? 0 : HAS_SYMBOL | symbol)
}
