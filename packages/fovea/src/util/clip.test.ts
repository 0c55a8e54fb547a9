import { expect, test } from 'vitest'
import { clip } from './clip.ts'
import { FoveaError } from './errors.ts'

const hostile = '\u001b[31mred\u0007\r'

test('a long text is cut, and nothing in it commands a terminal', () => {
  expect(clip('abcdef', 3)).toBe('abc…')
  expect(clip(hostile)).toBe('\ufffd[31mred\ufffd\ufffd')
  expect(clip('two\nlines\tand a tab: größer')).toBe('two\nlines\tand a tab: größer')
})

test('no message of an error commands a terminal', () => {
  expect(new FoveaError('MODEL_NOT_FOUND', { file: hostile, found: hostile, remedy: hostile }).message).not.toMatch(/[^\P{Cc}\n\t]/u)
})
