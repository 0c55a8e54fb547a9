// Device names: what a user writes, what ONNX Runtime is told, what this machine has.

import { FoveaError } from '../util/errors.ts'
import { loadRuntime } from './onnx-runtime.ts'

export type DeviceKind = 'cpu' | 'webgpu' | 'cuda' | 'tensorrt'

export interface Device {
  readonly kind: DeviceKind
  /** Which of several; 0 where there is one. */
  readonly index: number
  /** The name as written: `cpu`, `webgpu`, `cuda:0`, `tensorrt:1`. */
  readonly name: string
}

/**
 * Reads a device name. `cuda` alone means `cuda:0`.
 *
 * @throws FoveaError RUNTIME_UNKNOWN_DEVICE
 */
export function parseDevice(name: string): Device {
  const match = /^(?:(cpu|webgpu)|(cuda|tensorrt)(?::(\d{1,3}))?)$/.exec(name)
  if (match === null) throw new FoveaError('RUNTIME_UNKNOWN_DEVICE', { expected: 'cpu, webgpu, cuda:N or tensorrt:N', found: name })
  const index = Number(match[3] ?? 0)
  const kind = (match[1] ?? match[2]) as DeviceKind
  return { kind, index, name: match[1] ?? `${kind}:${index}` }
}

/** Providers in the order in which ONNX Runtime tries them. TensorRT leaves what it cannot run to CUDA. */
export function executionProviders(device: Device): { name: string; deviceId?: number }[] {
  if (device.kind === 'cpu' || device.kind === 'webgpu') return [{ name: device.kind }]
  const cuda = { name: 'cuda', deviceId: device.index }
  return device.kind === 'cuda' ? [cuda] : [{ name: 'tensorrt', deviceId: device.index }, cuda]
}

export interface Provider {
  readonly kind: DeviceKind
  /** True where the installed runtime was built with it; its libraries or hardware may still be missing. */
  readonly bundled: boolean
}

/** The providers that the installed ONNX Runtime knows. */
export async function listProviders(): Promise<Provider[]> {
  const { listSupportedBackends } = await loadRuntime()
  const bundled = new Set(listSupportedBackends().map((backend) => backend.name))
  return (['cpu', 'webgpu', 'cuda', 'tensorrt'] as const).map((kind) => ({ kind, bundled: bundled.has(kind) }))
}
