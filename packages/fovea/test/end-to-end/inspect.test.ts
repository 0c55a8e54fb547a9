// `fovea inspect NAME`: the architectures that papers publish, by name.

import { expect, test } from 'vitest'
import { fovea } from './cli.ts'

test.each([
  ['resnet18', 11_689_512, 'conv5'],
  ['resnet34', 21_797_672, 'conv5'],
  ['resnet50', 25_557_032, 'conv5'],
  ['vit-tiny', 5_717_416, 'block12'],
  ['vit-small', 22_050_664, 'block12'],
  ['vit-base', 86_567_656, 'block12'],
  ['mobilevit-xxs', 1_272_024, 'top'],
  ['mobilevit-xs', 2_317_848, 'top'],
  ['mobilevit-s', 5_578_632, 'top'],
  ['mobilenetv2', 3_504_872, 'top'],
  ['efficientnet-b0', 5_288_548, 'top'],
  ['convnext-tiny', 28_589_128, 'conv5'],
])('%s has %i parameters', async (name, parameters, last) => {
  const { code, stdout, stderr } = await fovea(['inspect', name, '--json'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const said = JSON.parse(stdout) as { parameters: number; flops: number; stages: { stage: string }[] }
  expect(said).toMatchObject({ model: name, parameters, notes: [] })
  expect(said.flops).toBeGreaterThan(1e8)
  expect(said.stages.map(({ stage }) => stage)).toContain(last)
})
