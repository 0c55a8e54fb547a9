// A camera of RTSP for tests (RFC 2326): H.264 that FFmpeg packs as RTP, carried inside the RTSP connection. It can be cut off and put back.

import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { ffmpegPath } from '../src/data/video/ffmpeg-program.ts'

export interface RtspCameraOptions {
  /** A video file of H.264; it is sent again and again, at its own rate. */
  readonly video: string
  /** `user:password` of basic authentication. */
  readonly login?: string
}

export class RtspCamera {
  readonly #options: RtspCameraOptions
  #port = 0
  #server: Server | undefined
  #encoder: ChildProcess | undefined
  #packets: DatagramSocket | undefined
  readonly #clients = new Set<Socket>()
  readonly #playing = new Set<Socket>()
  #description = ''
  /** Stops sending, while the connections stay. */
  mute = false
  /** Connections that were answered so far. */
  connections = 0

  constructor(options: RtspCameraOptions) {
    this.#options = options
  }

  get address(): string {
    return `rtsp://127.0.0.1:${this.#port}/stream`
  }

  /** Begins to serve; after `cut` at the port that it had. */
  async start(): Promise<void> {
    const packets = createSocket('udp4')
    this.#packets = packets
    packets.bind(0, '127.0.0.1')
    await once(packets, 'listening')
    packets.on('message', (packet) => {
      if (this.mute) return
      const head = Buffer.from([0x24, 0, packet.length >> 8, packet.length & 255])
      for (const client of this.#playing) client.write(Buffer.concat([head, packet]))
    })
    const to = `rtp://127.0.0.1:${packets.address().port}?pkt_size=1200`
    const reading = ['-loglevel', 'error', '-nostdin', '-re', '-stream_loop', '-1', '-i', this.#options.video]
    const encoder = spawn(ffmpegPath('ffmpeg'), [...reading, '-c', 'copy', '-f', 'rtp', '-sdp_file', 'pipe:1', to], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#encoder = encoder
    const [description] = (await once(encoder.stdout, 'data')) as [Buffer]
    this.#description = `${description
      .toString()
      .trim()
      .replace(/^m=video \d+/m, 'm=video 0')
      .split(/\r?\n/)
      .join('\r\n')}\r\na=control:track\r\n`
    this.#server = createServer((client) => this.#serve(client))
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Vanishes: listening ends, and every connection with it. */
  async cut(): Promise<void> {
    const server = this.#server
    const closed = server && once(server, 'close')
    server?.close()
    for (const client of this.#clients) client.destroy()
    this.#encoder?.kill('SIGKILL')
    if (this.#encoder?.exitCode === null && this.#encoder.signalCode === null) await once(this.#encoder, 'exit')
    this.#packets?.close()
    await closed
    this.#server = this.#encoder = this.#packets = undefined
  }

  #serve(client: Socket): void {
    this.#clients.add(client)
    client.on('close', () => {
      this.#clients.delete(client)
      this.#playing.delete(client)
    })
    client.on('error', () => client.destroy())
    let text = ''
    client.on('data', (bytes) => {
      text += bytes.toString('latin1')
      // What the client sends inside the connection are its reports: nobody reads them.
      for (;;) {
        if (text.startsWith('$')) {
          const length = 4 + text.charCodeAt(2) * 256 + text.charCodeAt(3)
          if (text.length < length) return
          text = text.slice(length)
          continue
        }
        const end = text.indexOf('\r\n\r\n')
        if (end < 0) return
        this.#answer(client, text.slice(0, end))
        text = text.slice(end + 4)
      }
    })
  }

  #answer(client: Socket, request: string): void {
    const [method = ''] = request.split(' ', 1)
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'im').exec(request)?.[1] ?? ''
    const reply = (status: string, headers: readonly string[] = [], body = '') =>
      client.write([`RTSP/1.0 ${status}`, `CSeq: ${field('CSeq')}`, ...headers, '', body].join('\r\n'))
    const { login } = this.#options
    if (login !== undefined && field('Authorization') !== `Basic ${Buffer.from(login).toString('base64')}`) {
      reply('401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"'])
      return
    }
    const session = 'Session: 1;timeout=60'
    switch (method) {
      case 'OPTIONS':
        reply('200 OK', ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN'])
        break
      case 'DESCRIBE': {
        this.connections++
        const body = this.#description
        reply('200 OK', [`Content-Base: ${this.address}/`, 'Content-Type: application/sdp', `Content-Length: ${body.length}`], body)
        break
      }
      case 'SETUP':
        if (field('Transport').includes('interleaved')) reply('200 OK', ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', session])
        else reply('461 Unsupported Transport')
        break
      case 'PLAY':
        reply('200 OK', [session, 'Range: npt=0.000-'])
        this.#playing.add(client)
        break
      case 'TEARDOWN':
        reply('200 OK', [session])
        client.end()
        break
      default:
        reply('200 OK', [session])
    }
  }
}
