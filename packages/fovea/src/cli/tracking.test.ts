import { Command } from 'commander'
import { expect, test } from 'vitest'
import { buildFeatures } from '../model/build-features.ts'
import { addHeads } from '../model/heads/add-heads.ts'
import { readMetadata } from '../model/metadata.ts'
import { Detections } from '../vision/detections.ts'
import { asksTracking, type TrackFlags, Tracking, withTrackOptions } from './tracking.ts'

const detect = { task: 'detect', labels: ['car'], confidence: 0.4 } as const
const modelOf = (...heads: Parameters<typeof addHeads>[1]) => {
  const model = addHeads(buildFeatures('resnet18', { imageSize: [64, 64] }), heads)
  return { model, metadata: readMetadata(model) }
}
const seen = (y: number, score: number) =>
  new Detections([{ label: 0, score, box: { x1: 40, y1: y - 10, x2: 60, y2: y + 10 } }], { labels: ['car'], width: 100, height: 200 })

function flagsOf(...args: string[]): TrackFlags {
  const command = withTrackOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  return command.parse(args, { from: 'user' }).opts()
}

test('options: several lines and zones, and what is no line or zone', () => {
  const flags = flagsOf('--line', '0,100,100,100', '--line', '-5,0,1.5,2', '--zone', '0,0,10,0,10,10', '--anchor', 'center')
  expect(flags.line).toEqual([
    [0, 100, 100, 100],
    [-5, 0, 1.5, 2],
  ])
  expect([flags.zone, flags.anchor, asksTracking(flags)]).toEqual([[[0, 0, 10, 0, 10, 10]], 'center', true])
  expect([asksTracking(flagsOf()), asksTracking(flagsOf('--track'))]).toEqual([false, true])
  for (const wrong of [
    ['--line', '1,2,3'],
    ['--line', '1,2,3,x'],
    ['--line', '1,2,,4'],
    ['--zone', '0,0,1,1'],
    ['--zone', '0,0,1,1,2'],
    ['--anchor', 'foot'],
  ])
    expect(() => flagsOf(...wrong), wrong.join(' ')).toThrow()
})

test('numbers, crossings and stays stand in the record of each frame, and weak detections go on with a track', () => {
  const tracking = new Tracking(modelOf(detect), flagsOf('--line', '0,100,100,100', '--zone', '0,0,100,0,100,90,0,90'))
  expect(tracking.confidence).toBe(0.1)
  const frames = [125, 120, 115, 110, 105, 100, 95, 90, 85, 80, 75, 70].map((y, i) => tracking.update(seen(y, i === 3 ? 0.2 : 0.9), i / 10))
  expect(frames.map(({ answer }) => (answer as Detections).detections[0]!.attributes)).toEqual(frames.map(() => ({ trackId: 1 })))
  const crossedIn = frames.map(({ record }) => (record.lines![0] as { crossedIn: number[] }).crossedIn)
  // All corners are over the line, by a tenth of the box, at 85.
  expect(crossedIn).toEqual(frames.map((_, i) => (i === 8 ? [1] : [])))
  expect(frames[11]!.record).toEqual({
    lines: [{ in: 1, out: 0, inByClass: { car: 1 }, outByClass: {}, crossedIn: [], crossedOut: [] }],
    zones: [
      {
        count: 1,
        counts: { car: 1 },
        total: 1,
        totals: { car: 1 },
        dwell: [{ trackId: 1, name: 'car', seconds: 0.2 }],
        entered: [],
        left: [],
      },
    ],
  })
  expect(frames[11]!.words).toEqual(['line 1: 1 in, 0 out', 'zone 1: 1 inside, 1 so far'])
  expect(frames[11]!.drawing.trails[0]!.points.length).toBe(12)
  const { record } = tracking.update(new Detections([], { labels: ['car'], width: 100, height: 200 }), 3)
  expect(record.zones).toMatchObject([{ count: 0, left: [{ trackId: 1, seconds: 0.2 }], dwell: [] }])
})

test('of several heads the one that detects is followed, and the others answer as they were', () => {
  const tracking = new Tracking(modelOf({ task: 'classify', labels: ['a', 'b'] }, detect), { track: true, confidence: 0.6 })
  const classify = { task: 'classify', label: 'a', index: 0, probability: 1, top: [] } as const
  const { answer } = tracking.update({ task: 'multi', heads: { classify, detect: seen(50, 0.7) } }, 0)
  expect(answer).toMatchObject({ task: 'multi', heads: { classify, detect: { detections: [{ attributes: { trackId: 1 } }] } } })
  // Under the score that was asked for, nothing begins.
  expect(new Tracking(modelOf(detect), { track: true, confidence: 0.8 }).update(seen(50, 0.7), 0).answer).toHaveLength(0)
})

test('a model that does not detect is refused', () => {
  expect(() => new Tracking(modelOf({ task: 'classify', labels: ['a', 'b'] }), { track: true })).toThrowError(
    expect.objectContaining({ code: 'MODEL_TASK' }),
  )
})
