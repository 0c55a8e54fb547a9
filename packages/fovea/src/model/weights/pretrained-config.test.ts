import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFoveaError } from '../../util/errors.ts'
import { architectureNamed } from './architecture-names.ts'
import { parsePretrainedConfig } from './pretrained-config.ts'

/** As timm's push_to_hub writes it. */
const timm = {
  architecture: 'resnet18',
  num_classes: 3,
  num_features: 512,
  label_names: ['a', 'b', 'c'],
  pretrained_cfg: {
    tag: 'a1_in1k',
    custom_load: false,
    input_size: [3, 224, 224],
    test_input_size: [3, 288, 288],
    fixed_input_size: false,
    interpolation: 'bicubic',
    crop_pct: 0.95,
    crop_mode: 'center',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    num_classes: 1000,
    pool_size: [7, 7],
    first_conv: 'conv1',
    classifier: 'fc',
    license: 'apache-2.0',
  },
}
const parse = (config: unknown) => parsePretrainedConfig(JSON.stringify(config), 'config.json')

describe('the config of timm', () => {
  it('names the network, its classes and the way its pictures are prepared', () => {
    expect(parse(timm)).toEqual({
      architecture: 'resnet18',
      name: 'resnet18.a1_in1k',
      classes: 3,
      labels: ['a', 'b', 'c'],
      labelsField: 'label_names',
      file: 'config.json',
      licence: 'apache-2.0',
      notes: [],
      preprocessing: {
        size: [224, 224],
        resize: 'crop',
        cropFraction: 0.95,
        interpolation: 'bicubic',
        color: 'rgb',
        scale: 'imagenet',
        layout: 'nhwc',
        padValue: 114,
      },
    })
  })

  it('of older form has all in one object', () => {
    const { pretrained_cfg: inner, ...outer } = timm
    expect(parse({ ...inner, ...outer })).toMatchObject({
      architecture: 'resnet18',
      licence: 'apache-2.0',
      preprocessing: { cropFraction: 0.95 },
    })
  })

  it('may ask for other figures, squashed pictures, grey ones', () => {
    const half = [0.5, 0.5, 0.5]
    const cfg = { input_size: [3, 160, 128], mean: half, std: half, crop_mode: 'squash', interpolation: 'lanczos' }
    expect(parse({ pretrained_cfg: cfg }).preprocessing).toMatchObject({
      size: [160, 128],
      resize: 'squash',
      interpolation: 'lanczos3',
      scale: 'custom',
      mean: half,
      std: half,
    })
    expect(parse({ pretrained_cfg: { input_size: [1, 28, 28], mean: [0.1], std: [0.3] } }).preprocessing).toMatchObject({
      color: 'gray',
      mean: [0.1],
      std: [0.3],
    })
  })

  it('tells what is not followed', () => {
    expect(parse({ pretrained_cfg: { crop_mode: 'border', interpolation: 'random' } })).toMatchObject({
      notes: [expect.stringContaining('"random"'), expect.stringContaining('"border"')],
      preprocessing: { resize: 'letterbox', interpolation: 'bilinear' },
    })
  })

  it('reads the labels that transformers writes', () => {
    expect(parse({ id2label: { 0: 'cat', 1: 'dog' } }).labels).toEqual(['cat', 'dog'])
    expect(parse({ id2label: { 1: 'dog' } }).labels).toBeUndefined()
  })

  it.each([
    ['[]', /a JSON object/],
    ['{', /a JSON object/],
    ['{"architecture": 3}', /expected a text, found number.*"architecture"/],
    ['{"pretrained_cfg": []}', /expected an object/],
    ['{"pretrained_cfg": {"input_size": [3, 0, 224]}}', /\[channels, height, width\].*"pretrained_cfg\.input_size"/],
    ['{"pretrained_cfg": {"input_size": [4, 224, 224]}}', /1 or 3 channels/],
    ['{"pretrained_cfg": {"crop_pct": 7}}', /cropFraction/],
    ['{"pretrained_cfg": {"mean": [1, 2], "std": [1, 1]}}', /"pretrained_cfg\.mean"/],
    ['{"num_classes": 2, "label_names": ["a"]}', /2 names, as num_classes says, found 1/],
    ['{"num_classes": 2, "id2label": {"0": "a"}}', /2 names, as num_classes says, found 1 .*field "id2label"/],
  ])('that is wrong is refused: %s', (text, message) => {
    expect(() => parsePretrainedConfig(text, 'config.json')).toThrow(message)
    expect(() => parsePretrainedConfig(text, 'config.json')).toThrow(/config\.json.*\[WEIGHTS_CONFIG\]/)
  })

  it('of any content is read or refused with a code', () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom([3, 224, 224], 'bicubic', 0.9, [0.5, 0.5, 0.5]))
    const keys = fc.constantFrom(
      'architecture',
      'input_size',
      'mean',
      'std',
      'crop_pct',
      'interpolation',
      'num_classes',
      'label_names',
      'id2label',
    )
    const fields = fc.dictionary(keys, value)
    fc.assert(
      fc.property(fields, fields, (outer, inner) => {
        try {
          parse({ ...outer, pretrained_cfg: inner })
        } catch (error) {
          expect(isFoveaError(error, 'WEIGHTS_CONFIG'), String(error)).toBe(true)
        }
      }),
      { numRuns: 1000, seed: 5 },
    )
  })
})

describe('a name of another tool', () => {
  it.each([
    ['resnet18', 'resnet18'],
    ['resnet50.a1_in1k', 'resnet50'],
    ['timm/resnet34.bt_in1k', 'resnet34'],
  ])('%s is %s', (name, row) => {
    expect(architectureNamed(name)).toBe(row)
  })

  it.each(['resnet18d', 'swin_tiny_patch4_window7_224', '', 'toString'])('%s is none of ours', (name) => {
    expect(architectureNamed(name)).toBeUndefined()
  })
})
