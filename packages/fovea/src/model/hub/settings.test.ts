import { describe, expect, it } from 'vitest'
import { parseHubReference, printReference } from './reference.ts'
import { cacheFolder, hubSettings } from './settings.ts'

describe('a reference', () => {
  it.each([
    ['hf:timm/resnet18.a1_in1k', { owner: 'timm', name: 'resnet18.a1_in1k', revision: 'main' }],
    ['hf:o/m@v1.0', { owner: 'o', name: 'm', revision: 'v1.0' }],
    ['hf:o/m@refs/pr/3', { owner: 'o', name: 'm', revision: 'refs/pr/3' }],
    ['hf:o/m/model.onnx', { owner: 'o', name: 'm', revision: 'main', file: 'model.onnx' }],
    ['hf:o/m@v1.0/onnx/model_int8.onnx', { owner: 'o', name: 'm', revision: 'v1.0', file: 'onnx/model_int8.onnx' }],
    ['hf:o/m@refs/pr/3/a@b.safetensors', { owner: 'o', name: 'm', revision: 'refs/pr/3', file: 'a@b.safetensors' }],
    [
      'hf:o/m@feature%2Fx/model.safetensors.index.json',
      { owner: 'o', name: 'm', revision: 'feature/x', file: 'model.safetensors.index.json' },
    ],
    // A name that ends as a file does, in the place of a revision.
    ['hf:o/m@v1.onnx', { owner: 'o', name: 'm', revision: 'v1.onnx' }],
  ])('%s', (text, reference) => {
    expect(parseHubReference(text)).toEqual(reference)
    expect(printReference(reference)).toBe(text)
  })

  it.each([
    'hf:',
    'hf:m',
    'hf:o/',
    'hf:/m',
    'hf:o/m/x',
    'hf:o/m/',
    'hf:o/m/.onnx',
    'hf:o/m/README.md',
    'hf:o/m/../x.onnx',
    'hf:o/m//x.onnx',
    'hf:o/m@/x.onnx',
    'hf:o/m@refs/pr/x.onnx/..',
    'hf:o/m@..%2fx/x.onnx',
    'hf:../m',
    'hf:o/..',
    'hf:o/m@',
    'hf:o/m@a@b',
    'hf:o/m@../x',
    'hf:o/m@a//b',
    `hf:o/m@${'a'.repeat(90)}/${'b'.repeat(90)}`,
    'hf:o o/m',
    'hf:o/m?x',
    'x:o/m',
  ])('%s is none', (text) => {
    expect(() => parseHubReference(text)).toThrow(/hf:owner\/name.*\[HUB_REFERENCE\]/)
  })
})

describe('settings', () => {
  it('come from the environment, then from defaults', () => {
    const environment = { HF_ENDPOINT: 'http://mirror:8080/hub/', HF_TOKEN: 't', FOVEA_CACHE: '/tmp/c', FOVEA_OFFLINE: '1' }
    const { endpoint, token, cache, offline } = hubSettings({}, environment)
    expect({ endpoint: endpoint.href, token, cache, offline }).toEqual({
      endpoint: 'http://mirror:8080/hub/',
      token: 't',
      cache: '/tmp/c',
      offline: true,
    })
    const plain = hubSettings({}, {})
    expect(plain).toMatchObject({ offline: false, token: undefined })
    expect(plain.endpoint.href).toBe('https://huggingface.co/')
    expect(hubSettings({ offline: false, token: '' }, environment)).toMatchObject({ offline: false, token: undefined })
    expect(hubSettings({}, { HF_HUB_OFFLINE: 'true', HF_ENDPOINT: '' })).toMatchObject({ offline: true })
  })

  it('keep the cache where the system keeps caches', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/fovea')
    expect(cacheFolder({})).toMatch(/\.cache\/fovea$/)
  })

  it.each(['huggingface.co', 'ftp://x', 'http://user:pass@x', 'http://:pass@x', 'https://x/?pass=1', 'https://x/#a'])(
    'refuse the endpoint %s, and print no password',
    (endpoint) => {
      const set = () => hubSettings({ endpoint }, {})
      expect(set).toThrow(/HF_ENDPOINT.*\[HUB_REFERENCE\]/)
      expect(set).not.toThrow(/pass[^w]/)
    },
  )

  it('take a token from a file with its newline, and print none that cannot be sent', () => {
    expect(hubSettings({}, { HF_TOKEN: 'hf_abc\r\n' }).token).toBe('hf_abc')
    for (const token of ['hf_secret\nX-Other: 1', 'hf_secret é']) {
      expect(() => hubSettings({ token }, {})).toThrow(/HF_TOKEN.*\[HUB_REFERENCE\]/)
      expect(() => hubSettings({ token }, {})).not.toThrow(/secret/)
    }
  })
})
