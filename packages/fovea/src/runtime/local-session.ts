// A session on the thread that calls it.

import type { Model } from '../graph/model.ts'
import { openNative } from './native-session.ts'
import type { Session, SessionOptions } from './session.ts'
import { joinSource, type Source, sourceOf } from './source.ts'

export async function openLocalSession(model: Model | Uint8Array | string, options: SessionOptions): Promise<Session> {
  return openLocalSource(sourceOf(model), options)
}

export async function openLocalSource(source: Source, options: SessionOptions): Promise<Session> {
  return openNative(await joinSource(source), options)
}
