// The one place that loads ONNX Runtime, and keeps it from telling others what is run.

type Runtime = typeof import('onnxruntime-node')

/**
 * Turns off the telemetry of ONNX Runtime's official builds, which since 1.30 report sessions, models and errors to Microsoft on Linux and
 * macOS too unless this variable is set before the library is loaded. A user who sets it keeps what he set.
 *
 * Only the main thread can set the process's environment, so whoever starts a worker calls this first. A program that loads Fovea in worker
 * threads alone sets `ORT_DISABLE_TELEMETRY=1` itself.
 */
export function refuseTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1'
}

export async function loadRuntime(): Promise<Runtime> {
  refuseTelemetry()
  return import('onnxruntime-node')
}
