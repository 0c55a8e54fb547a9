// A hash that tells contents apart. Not for secrets.

/** 64 bits of hash as 16 hexadecimal digits: two lanes of MurmurHash3's mixing (Appleby) with different seeds. */
export function hashBytes(bytes: Uint8Array): string {
  let a = 0x9747b28c ^ bytes.length
  let b = 0x3c6ef372 ^ bytes.length
  const whole = bytes.length - (bytes.length % 4)
  for (let i = 0; i < bytes.length; i += 4) {
    let word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    if (i === whole) word = lastWord(bytes, i)
    const mixed = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593)
    a = (Math.imul(rotate(a ^ mixed, 13), 5) + 0xe6546b64) | 0
    b = (Math.imul(rotate(b ^ word, 17), 0x85ebca6b) + a) | 0
  }
  return hex(finish(a ^ rotate(b, 11))) + hex(finish(b))
}

function lastWord(bytes: Uint8Array, start: number): number {
  let word = 0
  for (let i = start; i < bytes.length; i++) word |= bytes[i]! << (8 * (i - start))
  return word
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function finish(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
