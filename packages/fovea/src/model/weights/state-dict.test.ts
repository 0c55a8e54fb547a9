import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { formulaTensor, noise } from '../../../test/formula-weights.ts'
import { Tensor } from '../../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../../graph/tensor-values.ts'
import { architectureNames, buildNetwork, type Network } from '../../nn/architectures.ts'
import { openSession } from '../../runtime/session.ts'
import { guessArchitecture } from './guess-architecture.ts'
import { findNaming } from './naming.ts'
import { stateDictText } from './report.ts'
import { resamplePositions } from './resample-positions.ts'
import { loadStateDict, planStateDict, StateDictError } from './state-dict.ts'
import { torchvisionNamings } from './torchvision-names.ts'

interface Golden {
  readonly models: readonly {
    readonly architecture: string
    readonly names: Readonly<Record<string, string>>
    readonly options?: Readonly<Record<string, unknown>>
    readonly size?: number
    readonly logits?: readonly number[]
  }[]
  readonly positions: readonly {
    readonly extra: number
    readonly from: readonly [number, number]
    readonly to: readonly [number, number]
    readonly dims: readonly number[]
    readonly values: readonly number[]
    readonly result: readonly number[]
  }[]
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../../../test/golden/state-dicts.json'), 'utf8')) as Golden

/** The family of rules whose names these are. */
const families: Readonly<Record<string, string>> = {
  mobilenetv2: 'mobilenetv2',
  'efficientnet-b0': 'efficientnet',
  'convnext-tiny': 'convnext',
  'vit-base': 'vit',
}

describe('names of torchvision', () => {
  it.each(golden.models.filter(({ architecture }) => architecture in families))(
    'become those under which timm computes the same: $architecture',
    ({ architecture, names }) => {
      const rename = torchvisionNamings[families[architecture]!]!
      const pairs = Object.entries(names)
      expect(pairs.length).toBeGreaterThan(60)
      for (const [theirs, ours] of pairs) {
        const leaf = /(layer_scale|token|pos_embedding|in_proj_(weight|bias))$/.test(theirs)
        // A norm over positions or a linear layer has no statistics.
        for (const end of leaf ? [''] : ['.weight', '.bias', '.running_mean'])
          if (end !== '.running_mean' || !['convnext-tiny', 'vit-base'].includes(architecture))
            expect(rename(theirs + end), theirs).toBe(ours + end)
      }
    },
  )

  it('are no others', () => {
    for (const rename of Object.values(torchvisionNamings))
      for (const name of [
        'conv1.weight',
        'features',
        'features.99.conv.9.weight',
        'features.1.9.block.9.9.weight',
        'blocks.0.0.bn1.weight',
      ])
        expect(rename(name)).toBeUndefined()
  })
})

/** The file's name of each of a network's parameters, as torchvision writes them. */
function torchvisionNameOf(name: string, names: Readonly<Record<string, string>>): string {
  const inverse = new Map(Object.entries(names).map(([theirs, ours]) => [ours, theirs]))
  const at = name.lastIndexOf('.')
  const module = inverse.get(name.slice(0, at))
  return inverse.get(name) ?? (module === undefined ? name : module + name.slice(at))
}

function formulaStateDict(network: Network, names: Readonly<Record<string, string>> = {}): Map<string, Tensor> {
  return new Map(
    [...network.parameters.keys()].map((name) => {
      const theirs = torchvisionNameOf(name, names)
      const { dims } = network.model.graph.initializers.get(name)!
      return [theirs, formulaTensor(theirs, theirs.endsWith('layer_scale') ? [...dims, 1, 1] : dims)]
    }),
  )
}

describe('weights under the names of torchvision', () => {
  it('are known for every architecture that torchvision has', () => {
    const proven = golden.models.map(({ architecture }) => architecture)
    const others = architectureNames().filter((name) => !proven.includes(name))
    // What torchvision does not have.
    const ours = /^(small-cnn|resnet-tiny|mobilevit-\w+|vit-(tiny|small)|deepseek-vision-\w+)$/
    expect(others.filter((name) => !ours.test(name))).toEqual([])
  })

  it.each(golden.models)('name every tensor of the whole network: $architecture', ({ architecture, names }) => {
    const network = buildNetwork(architecture, { inputSize: 224, values: 'zero' })
    const entries = new Map(
      [...network.parameters.keys()].map((name) => {
        const { dims, dtype } = network.model.graph.initializers.get(name)!
        return [torchvisionNameOf(name, names), { dtype, type: dtype, dims }]
      }),
    )
    const { report } = planStateDict(network, entries)
    const convention = Object.keys(names).length === 0 ? 'timm' : 'torchvision'
    expect(report).toMatchObject({ convention, prefix: '', missing: [], unexpected: [], misshaped: [] })
    expect(report.loaded).toHaveLength(network.parameters.size)
    expect(guessArchitecture(entries)).toBe(architecture)
  })

  const cases = golden.models.filter(({ logits }) => logits !== undefined)
  it.each(cases)('give the outputs of PyTorch, as they do under those of timm: $architecture', async (found) => {
    const { architecture, names, options, size, logits } = found
    const network = buildNetwork(architecture, { ...options, inputSize: size!, values: 'zero' })
    const tensors = formulaStateDict(network, names)
    const { model, report } = await loadStateDict(network, tensors)
    expect(report.loaded).toHaveLength(network.parameters.size)
    const timm = new Map([...network.parameters.keys()].map((name) => [name, tensors.get(torchvisionNameOf(name, names))!]))
    const same = await loadStateDict(network, timm)
    expect(same.report.convention).toBe('timm')
    for (const name of timm.keys()) {
      const [a, b] = [model, same.model].map(({ graph }) => graph.initializers.get(name)!)
      expect(Buffer.compare(a!.bytes, b!.bytes), name).toBe(0)
    }
    const session = await openSession(model, { worker: false })
    const pixels = Float32Array.from(noise(3 * size! * size!, 99), (value) => 4 * Math.fround(value))
    const { [network.logits.value]: output } = await session.run({ pixels: Tensor.float32([1, 3, size!, size!], pixels) })
    await session.close()
    const scale = Math.max(...logits!.map(Math.abs))
    logits!.forEach((value, i) => {
      expect(Math.abs((output!.data[i] as number) - value) / scale).toBeLessThan(1e-4)
    })
  })
})

test.each(golden.positions)(
  'position embeddings of $from patches become those of $to as timm resamples them',
  ({ extra, from, to, dims, values, result }) => {
    const resampled = resamplePositions(Tensor.float32(dims, values), { extra, from, to })
    expect(resampled.dims).toEqual([1, extra + to[0] * to[1], dims[2]])
    result.forEach((value, i) => {
      expect(resampled.data[i]).toBeCloseTo(value, 5)
    })
  },
)

const small = { widths: [4, 4, 8, 8], stem: 'small' } as const
const network = (classes = 3) => buildNetwork('resnet18', { ...small, classes })
const stateDict = (classes = 3) => formulaStateDict(network(classes))

describe('a state dict', () => {
  it('is loaded by name, whatever its order, and leaves the network as it was', async () => {
    const target = network()
    const before = target.model.graph.initializers.get('conv1.weight')!
    const tensors = stateDict()
    const { model, report } = await loadStateDict(target, new Map([...tensors].reverse()))
    expect(target.model.graph.initializers.get('conv1.weight')).toBe(before)
    for (const [name, tensor] of tensors) expect(model.graph.initializers.get(name)!.data, name).toEqual(tensor.data)
    expect(report).toMatchObject({ convention: 'timm', prefix: '', missing: [], unexpected: [], misshaped: [], converted: [], skipped: [] })
    expect(stateDictText(report)).toBe(`${tensors.size} tensors loaded, under timm's names.`)
  })

  it.each(['module.', 'model.', 'backbone.', '_orig_mod.', 'module.model.backbone.'])('loses the prefix %s', async (prefix) => {
    const tensors = new Map([...stateDict()].map(([name, tensor]) => [prefix + name, tensor]))
    const { report } = await loadStateDict(network(), tensors)
    expect(report).toMatchObject({ prefix, missing: [], unexpected: [] })
    expect(stateDictText(report)).toContain(`behind the prefix "${prefix}"`)
  })

  it('counts batches for nobody', async () => {
    const tensors = stateDict().set('bn1.num_batches_tracked', Tensor.int64([], [5]))
    const { report } = await loadStateDict(network(), tensors)
    expect(report).toMatchObject({ ignored: ['bn1.num_batches_tracked'], unexpected: [] })
  })

  it.each([
    ['float16', 1e-3],
    ['bfloat16', 1e-2],
    ['float64', 1e-7],
    ['float8e5m2', 0.2],
  ] as const)('of %s becomes float32', async (dtype, tolerance) => {
    const tensors = stateDict()
    const narrow = new Map([...tensors].map(([name, tensor]) => [name, tensorOfNumbers(dtype, tensor.dims, numbersOf(tensor))]))
    const { model, report } = await loadStateDict(network(), narrow)
    expect(report.converted).toHaveLength(tensors.size)
    expect(stateDictText(report)).toContain(`converted from ${dtype}`)
    for (const [name, tensor] of narrow) {
      const loaded = model.graph.initializers.get(name)!
      expect(loaded.dtype).toBe('float32')
      // Exactly the narrow number, which is nearly the wide one.
      expect([...loaded.data]).toEqual([...numbersOf(tensor)].map(Math.fround))
      const wide = tensors.get(name)!
      loaded.data.forEach((value, i) => {
        expect(Math.abs((value as number) - (wide.data[i] as number))).toBeLessThan(tolerance)
      })
    }
  })

  it('of float32 becomes float64 where the network is of float64', async () => {
    const { model } = await loadStateDict(buildNetwork('resnet18', { ...small, classes: 3, dtype: 'float64' }), stateDict())
    expect(model.graph.initializers.get('fc.weight')).toMatchObject({ dtype: 'float64', dims: [3, 8] })
  })

  it('that lacks tensors is refused with a report, and taken where that was asked', async () => {
    const tensors = stateDict()
    tensors.delete('layer1.0.conv1.weight')
    tensors.set('layer9.weight', Tensor.float32([1], [0]))
    const error = await loadStateDict(network(), tensors, { file: 'some.safetensors' }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(StateDictError)
    expect((error as StateDictError).report).toMatchObject({ missing: ['layer1.0.conv1.weight'], unexpected: ['layer9.weight'] })
    expect(String(error)).toMatch(
      /1 tensor missing.*layer1\.0\.conv1\.weight.*1 tensor unexpected.*layer9\.weight.*some\.safetensors.*\[WEIGHTS_MISMATCH\]/s,
    )
    const { report } = await loadStateDict(network(), tensors, { strict: false })
    expect(report.missing).toEqual(['layer1.0.conv1.weight'])
    expect(report.loaded).toHaveLength(network().parameters.size - 1)
  })

  it('of another number of classes is refused, and its head left out where that was asked', async () => {
    await expect(loadStateDict(network(), stateDict(7))).rejects.toThrow(
      /2 tensors mis-shaped.*fc\.weight: the network has float32\[3,8\], the file float32\[7,8\].*head: 'skip'/s,
    )
    const target = network()
    const { model, report } = await loadStateDict(target, stateDict(7), { head: 'skip' })
    expect(report).toMatchObject({ skipped: ['fc.weight', 'fc.bias'], misshaped: [] })
    expect(model.graph.initializers.get('fc.weight')).toBe(target.model.graph.initializers.get('fc.weight'))
    expect(stateDictText(report)).toMatch(/2 tensors of the head left as new:\n {4}fc\.weight/)
  })

  it('without a head gives the backbone where that was asked; half a head is none', async () => {
    const tensors = stateDict()
    tensors.delete('fc.bias')
    await expect(loadStateDict(network(), tensors)).rejects.toThrow(/1 tensor missing/)
    const { report } = await loadStateDict(network(), tensors, { head: 'skip' })
    expect(report).toMatchObject({ skipped: ['fc.weight', 'fc.bias'], missing: [] })
  })

  it('of whole numbers is no weight', async () => {
    const tensors = stateDict().set('fc.bias', Tensor.int64([3], [1, 2, 3]))
    await expect(loadStateDict(network(), tensors)).rejects.toThrow(/fc\.bias: the network has float32\[3\], the file int64\[3\]/)
  })

  it('of something else says so', async () => {
    const tensors = new Map([['a.b', Tensor.float32([1], [0])]])
    await expect(loadStateDict(network(), tensors)).rejects.toThrow(/0 tensors loaded.*does not hold weights of this architecture/s)
  })

  it('under a name that stands twice takes the first', () => {
    expect(findNaming(['module.a', 'a', 'module.b'], new Set(['a', 'b'])).targets).toEqual(
      new Map([
        ['module.a', 'a'],
        ['module.b', 'b'],
      ]),
    )
  })
})

describe('a backbone in a larger network', () => {
  const family = { widths: [4, 4, 8, 8], neckChannels: 16, classes: 5 }
  // What timm's resnet18 holds: the backbone's names without their prefix, and a classifier.
  const backbone = () => formulaStateDict(buildNetwork('resnet18', { widths: [4, 4, 8, 8], classes: 7 }))

  it('is not taken for the whole, and the way is told', async () => {
    const error = await loadStateDict(buildNetwork('deepseek-vision-base', family), backbone()).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(StateDictError)
    expect(String(error)).toMatch(/weights of the network's backbone: pass part: 'backbone'/)
  })

  it('is filled, and neck and head keep their values', async () => {
    const target = buildNetwork('deepseek-vision-base', family)
    const tensors = backbone()
    const { model, report } = await loadStateDict(target, tensors, { part: 'backbone' })
    const inBackbone = [...target.parameters.keys()].filter((name) => name.startsWith('backbone.'))
    expect(report).toMatchObject({ loaded: inBackbone, missing: [], misshaped: [], unexpected: ['fc.weight', 'fc.bias'] })
    for (const [name, { data }] of model.graph.initializers)
      if (inBackbone.includes(name)) expect(data, name).toEqual(tensors.get(name.slice('backbone.'.length))!.data)
      else expect(data, name).toBe(target.model.graph.initializers.get(name)!.data)
    expect(report.kept).toEqual([...target.parameters.keys()].filter((name) => !inBackbone.includes(name)))
    expect(stateDictText(report)).toMatch(/outside the backbone kept their own values: neck \(\d+\), embed \(\d+\), fc \(2\)\./)
  })

  it('is filled from MobileViT, behind a prefix too', async () => {
    const network = buildNetwork('mobilevit-xxs', { classes: 2, values: 'zero' })
    const tensors = new Map([...formulaStateDict(network)].map(([name, tensor]) => [`module.${name}`, tensor]))
    const target = buildNetwork('deepseek-vision-tiny', { classes: 2 })
    const { report } = await loadStateDict(target, tensors, { part: 'backbone' })
    expect(report).toMatchObject({ prefix: 'module.', missing: [], unexpected: ['module.head.fc.weight', 'module.head.fc.bias'] })
  })

  it('must be whole, and the network must have one', async () => {
    const tensors = backbone()
    tensors.delete('layer1.0.conv1.weight')
    const target = buildNetwork('deepseek-vision-base', family)
    await expect(loadStateDict(target, tensors, { part: 'backbone' })).rejects.toThrow(/1 tensor missing/)
    await expect(loadStateDict(network(), tensors, { part: 'backbone' })).rejects.toThrow(/a network with a backbone.*\[WEIGHTS_MISMATCH\]/)
  })

  it('lies in the file of a whole network under the same names', async () => {
    const source = buildNetwork('deepseek-vision-base', { ...family, seed: 5 })
    const tensors = new Map([...source.parameters.keys()].map((name) => [name, source.model.graph.initializers.get(name)!]))
    const { report } = await loadStateDict(buildNetwork('deepseek-vision-base', family), tensors)
    expect(report).toMatchObject({ missing: [], unexpected: [], kept: [] })
    const part = await loadStateDict(buildNetwork('deepseek-vision-base', family), tensors, { part: 'backbone' })
    expect(part.report).toMatchObject({ prefix: 'backbone.', missing: [] })
  })
})
