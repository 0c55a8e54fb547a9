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

test('a shipped model shows what it is called, its licence, and each output in a line of its own, at the size that is its own', async () => {
  const { code, stdout } = await fovea(['inspect', 'deepseek-vision-tiny'])
  expect(code).toBe(0)
  for (const row of [
    /^ {2}name +deepseek-vision-tiny$/m,
    /^ {2}version +\d+\.\d+\.\d+$/m,
    /^ {2}framework +fovea >=0\.8\.0$/m,
    /^ {2}licence +Apache-2\.0$/m,
    /^ {2}outputs +embedding: float32\[N,\d+\]$/m,
    /^ +p3: float32\[N,64,ceil\(H\/8\),ceil\(W\/8\)\]$/m,
    /^ {2}FLOPs +.* at N=1, H=128, W=128$/m,
    /^ {2}preprocessing +128x128 pixels \(any size can be asked for\)/m,
  ])
    expect(stdout).toMatch(row)
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(200)
})
