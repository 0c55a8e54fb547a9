// A camera of HTTP for tests: MJPEG at /stream, single pictures at /snapshot; it can be cut off, fall silent, and ask for a password.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encodeJpeg } from '../src/data/encode.ts'
import { testPattern } from '../src/data/video/test-pattern.ts'

export class HttpCamera {
  readonly pictures: readonly Uint8Array[]
  #port = 0
  #server: Server | undefined
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Milliseconds from frame to frame. */
  gapMs = 20
  /** Frames of a connection, after which it is closed. */
  framesEach = Number.POSITIVE_INFINITY
  /** Sends no frames, while connections stay. */
  mute = false
  /** Answers instead; true when it did. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false
  connections = 0
  /** The number of the next frame; it goes on over connections. */
  next = 0

  private constructor(pictures: readonly Uint8Array[]) {
    this.pictures = pictures
  }

  static async start(frames = 100): Promise<HttpCamera> {
    const pictures = []
    for (let i = 0; i < frames; i++) pictures.push(await encodeJpeg(testPattern(i, { width: 64, height: 48 })))
    const camera = new HttpCamera(pictures)
    await camera.start()
    return camera
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response))
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  async cut(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    for (const timer of this.#timers) clearInterval(timer)
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  picture(): Uint8Array {
    return this.pictures[this.next++ % this.pictures.length]!
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.connections++
    if (this.intercept(request, response)) return
    if (request.url === '/snapshot') {
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(this.picture())
      return
    }
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' })
    let sent = 0
    const send = () => {
      if (this.mute) return
      const picture = this.picture()
      const head = `--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${picture.length}\r\n\r\n`
      response.write(Buffer.concat([Buffer.from(head), picture, Buffer.from('\r\n')]))
      if (++sent < this.framesEach) return
      clearInterval(timer)
      response.end()
    }
    const timer = setInterval(send, this.gapMs)
    this.#timers.add(timer)
    response.on('close', () => {
      clearInterval(timer)
      this.#timers.delete(timer)
    })
    send()
  }
}
