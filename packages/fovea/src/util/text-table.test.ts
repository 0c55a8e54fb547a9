import { expect, test } from 'vitest'
import { textTable } from './text-table.ts'

test('columns are aligned and rules drawn', () => {
  const table = textTable([['class', 'n'], undefined, ['a', '1'], ['scratch', '120']])
  expect(table.split('\n')).toEqual(['class      n', '───────  ───', 'a          1', 'scratch  120'])
})
