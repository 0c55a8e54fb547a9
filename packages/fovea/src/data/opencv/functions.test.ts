// Functions of points and of two pictures, against motions and figures that are known.

import { afterAll, describe, expect, test } from 'vitest'
import { byte, grayPicture, texture } from '../../../test/drawn-pictures.ts'
import { Random } from '../../util/random.ts'
import { movePoint } from '../../vision/geometry/matrix.ts'
import { createImage } from '../../vision/image.ts'
import { createCv } from './cv.ts'

const cv = createCv()
afterAll(() => cv.close())

const wave = texture(11)
/** The texture, so that what is at (x, y) of the plane is at (x, y) + (dx, dy) of the picture. */
const shifted = (dx: number, dy: number, width = 128, height = 96) => grayPicture(width, height, (x, y) => byte(wave(x - dx, y - dy)))

function close(found: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(tolerance)
}

describe('maps between points', () => {
  const random = new Random(5)
  const truth = [1.1, 0.1, 5, -0.05, 0.9, 8, 0.0004, -0.0002, 1]
  const from = Array.from({ length: 120 }, () => random.uniform(0, 300))
  const exact = Array.from({ length: 60 }, (_, i) => movePoint(truth, from[2 * i]!, from[2 * i + 1]!)).flat()
  /** Every third pair is far off. */
  const spoilt = exact.map((value, i) => (Math.floor(i / 2) % 3 === 0 ? value + 40 + random.uniform(0, 100) : value))

  test('a homography is recovered, also from pairs of which a third is wrong', async () => {
    close((await cv.findHomography(from, exact, { method: 'leastSquares' }))!.matrix, truth, 1e-4)
    for (const method of ['ransac', 'lmeds', 'magsac'] as const) {
      const fit = await cv.findHomography(from, spoilt, { method })
      close(fit!.matrix, truth, 1e-3)
      expect(fit!.inliers).toEqual(Array.from({ length: 60 }, (_, i) => i % 3 !== 0))
    }
  })

  test('an affine map likewise', async () => {
    const affine = [0.9, -0.2, 12, 0.3, 1.1, -7]
    const to = from.map((_, i) => movePoint([...affine, 0, 0, 1], from[i & ~1]!, from[i | 1]!)[i & 1]!)
    const wrong = to.map((value, i) => (i < 20 ? value + 55 + i * i : value))
    const fit = await cv.findAffine(from, wrong)
    close(fit!.matrix, affine, 1e-3)
    expect(fit!.inliers.filter(Boolean).length).toBe(50)
  })

  test('points on a line have no homography', async () => {
    const line = Array.from({ length: 20 }, (_, i) => i >> 1)
    expect(
      await cv.findHomography(
        line,
        line.map((value, i) => (i % 2 === 0 ? value : value + 0.1 * value * value)),
      ),
    ).toBeUndefined()
  })

  test('corners on a line are refused', async () => {
    const [square, line, three] = [
      [0, 0, 40, 0, 40, 30, 0, 30],
      [0, 0, 10, 10, 20, 20, 30, 30],
      [0, 0, 10, 0, 25, 0, 0, 30],
    ]
    const twice = [0, 0, 0, 0, 40, 30, 0, 30]
    for (const bad of [line, three, twice]) {
      await expect(cv.perspectiveOf(bad!, square!)).rejects.toMatchObject({
        code: 'OPENCV_ARGUMENT',
        details: { field: 'perspectiveOf.from' },
      })
      await expect(cv.perspectiveOf(square!, bad!)).rejects.toMatchObject({ details: { field: 'perspectiveOf.to' } })
    }
    // Thin, but corners of a picture.
    close(await cv.perspectiveOf([0, 0, 1000, 0, 1000, 1, 0, 1], [0, 0, 10, 0, 10, 10, 0, 10]), [0.01, 0, 0, 0, 10, 0, 0, 0, 1], 1e-3)
  })

  test('four corners onto four others, and the picture follows', async () => {
    const corners = [0, 0, 40, 0, 40, 30, 0, 30]
    const target = [10, 5, 50, 5, 50, 35, 10, 35]
    const matrix = await cv.perspectiveOf(corners, target)
    close(matrix, [1, 0, 10, 0, 1, 5, 0, 0, 1], 1e-6)
    const image = shifted(0, 0, 40, 30)
    const moved = cv(image).warpPerspective(matrix, { width: 60, height: 40, interpolation: 'nearest' })
    expect((await moved.crop(10, 5, 40, 30).image()).data).toEqual(image.data)
  })
})

describe('motion', () => {
  test('dense flow of a shifted texture is the shift, inside the rim', async () => {
    const flow = await cv.opticalFlow(shifted(0, 0), shifted(3, -2))
    expect(flow.data.length).toBe(128 * 96 * 2)
    for (let y = 20; y < 76; y += 4)
      for (let x = 20; x < 108; x += 4) {
        const at = 2 * (y * 128 + x)
        close([flow.data[at]!, flow.data[at + 1]!], [3, -2], 0.25)
      }
  })

  test('points are followed over parts of a pixel, and those that leave are lost', async () => {
    const points = [40.5, 40.5, 80.2, 50.7, 100, 60]
    const tracked = await cv.trackPoints(shifted(0, 0), shifted(1.5, 2.25), points)
    expect(tracked.found).toEqual([true, true, true])
    close(tracked.points, [42, 42.75, 81.7, 52.95, 101.5, 62.25], 0.05)
    const gone = await cv.trackPoints(shifted(0, 0), createImage(128, 96, 1), [-300, -300])
    expect(gone.found).toEqual([false])
  })

  test('phase correlation finds the shift of a whole picture', async () => {
    for (const [dx, dy] of [
      [7, -4],
      [-12, 9],
      [0, 0],
    ] as const) {
      const shift = await cv.phaseCorrelate(shifted(0, 0), shifted(dx, dy))
      close([shift.dx, shift.dy], [dx, dy], 0.1)
      expect(shift.response).toBeGreaterThan(0.2)
    }
  })

  test('alignment by brightness finds a small turn', async () => {
    const angle = 0.03
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
    const truth = [cos, -sin, 4, sin, cos, -1, 0, 0, 1]
    const a = shifted(0, 0)
    // What is at p of the first is at truth(p) of the second: the inverse says where a pixel of the second comes from.
    const b = grayPicture(128, 96, (x, y) => {
      const [u, v] = [x + 0.5 - 4, y + 0.5 + 1]
      return byte(wave(cos * u + sin * v - 0.5, -sin * u + cos * v - 0.5))
    })
    for (const motion of ['euclidean', 'affine', 'homography'] as const) {
      const { matrix, correlation } = await cv.align(a, b, { motion })
      expect(correlation).toBeGreaterThan(0.99)
      for (const [x, y] of [
        [20, 20],
        [100, 20],
        [60, 80],
      ] as const)
        close(movePoint(matrix, x, y), movePoint(truth, x, y), 0.1)
    }
  })

  test('alignment of what has nothing in common is an error that says so', async () => {
    await expect(cv.align(createImage(40, 40, 1), createImage(40, 40, 1))).rejects.toMatchObject({
      code: 'OPENCV_FAILED',
      details: { node: 'align' },
    })
  })
})

describe('figures', () => {
  const ellipse = (cx: number, cy: number, a: number, b: number, angle: number) =>
    Array.from({ length: 24 }, (_, i) => {
      const t = (i * Math.PI) / 12
      const [u, v] = [a * Math.cos(t), b * Math.sin(t)]
      return [cx + u * Math.cos(angle) - v * Math.sin(angle), cy + u * Math.sin(angle) + v * Math.cos(angle)]
    }).flat()

  test('a turned box around points', async () => {
    const [cos, sin] = [Math.cos(0.4), Math.sin(0.4)]
    const corners = [
      [-20, -5],
      [20, -5],
      [20, 5],
      [-20, 5],
    ].flatMap(([u, v]) => [50 + u! * cos - v! * sin, 40 + u! * sin + v! * cos])
    const box = await cv.minAreaRect([...corners, 50, 40])
    close([box.x, box.y, Math.max(box.width, box.height), Math.min(box.width, box.height)], [50, 40, 40, 10], 1e-3)
    const long = box.width > box.height ? box.angle : box.angle - 90
    expect(long).toBeCloseTo((0.4 * 180) / Math.PI, 3)
    for (let i = 0; i < 8; i += 2)
      expect(
        Math.min(...[0, 2, 4, 6].map((j) => Math.hypot(box.polygon[i]! - corners[j]!, box.polygon[i + 1]! - corners[j + 1]!))),
      ).toBeLessThan(1e-3)
  })

  test('a circle, a hull, a simpler outline', async () => {
    const { x, y, radius } = await cv.minEnclosingCircle([0, 0, 10, 0, 5, 1])
    close([x, y, radius], [5, 0, 5], 0.01)
    expect((await cv.convexHull([0, 0, 10, 0, 10, 10, 0, 10, 5, 5, 2, 3])).length).toBe(8)
    expect(await cv.simplify([0, 0, 5, 0.2, 10, 0, 10, 10, 0, 10], 0.5)).toEqual([0, 0, 10, 0, 10, 10, 0, 10])
  })

  test('a line through points, and past an outlier', async () => {
    const points = Array.from({ length: 20 }, (_, i) => [3 * i, 10 + 4 * i]).flat()
    const line = await cv.fitLine(points)
    close([Math.abs(line.dx), Math.abs(line.dy)], [0.6, 0.8], 1e-4)
    expect(Math.abs((line.x - 0) * 4 - (line.y - 10) * 3)).toBeLessThan(1e-2)
    const robust = await cv.fitLine([...points, 0, 300], { distance: 'welsch' })
    close([Math.abs(robust.dx), Math.abs(robust.dy)], [0.6, 0.8], 1e-2)
  })

  test('an ellipse through points on it, by all three methods', async () => {
    for (const method of ['leastSquares', 'ams', 'direct'] as const) {
      const found = await cv.fitEllipse(ellipse(60, 50, 30, 12, 0.5), { method })
      close([found.x, found.y, Math.max(found.width, found.height), Math.min(found.width, found.height)], [60, 50, 60, 24], 0.1)
    }
  })

  test('shapes are alike whatever their place, size and turn', async () => {
    const l = [0, 0, 30, 0, 30, 10, 10, 10, 10, 40, 0, 40]
    const turned = Array.from({ length: 6 }, (_, i) => [200 - 2 * l[2 * i + 1]!, 50 + 2 * l[2 * i]!]).flat()
    expect(await cv.matchShapes(l, turned)).toBeLessThan(1e-4)
    expect(await cv.matchShapes(l, [0, 0, 40, 0, 40, 40, 0, 40])).toBeGreaterThan(0.1)
  })
})

describe('cameras', () => {
  const board = { columns: 7, rows: 5, squareLength: 30, markerLength: 18, dictionary: '5x5-100' } as const

  test('all inner corners of a drawn board are found where they were drawn', async () => {
    const image = await cv.drawCharucoBoard(board, 740, 540, { margin: 20 })
    const view = await cv.findCharucoBoard(image, board)
    expect(view.ids).toEqual(Array.from({ length: 24 }, (_, i) => i))
    for (const [i, id] of view.ids.entries()) {
      const [column, row] = [(id % 6) + 1, Math.floor(id / 6) + 1]
      close(view.world.slice(3 * i, 3 * i + 3), [30 * column, 30 * row, 0], 1e-6)
      close(view.seen.slice(2 * i, 2 * i + 2), [20 + 100 * column, 20 + 100 * row], 0.75)
    }
    expect(await cv.findCharucoBoard(createImage(200, 200, 1), board)).toEqual({ ids: [], seen: [], world: [] })
  })

  test('a camera is recovered from views of points that it projected', async () => {
    const [fx, fy, cx, cy, k1] = [520, 510, 318, 243, -0.12]
    const grid = Array.from({ length: 48 }, (_, i) => [30 * (i % 8), 30 * Math.floor(i / 8), 0]).flat()
    const view = (tilt: number, turn: number, far: number) => {
      const [ct, st, cu, su] = [Math.cos(tilt), Math.sin(tilt), Math.cos(turn), Math.sin(turn)]
      const seen = Array.from({ length: 48 }, (_, i) => {
        const [x, y] = [grid[3 * i]! - 105, grid[3 * i + 1]! - 75]
        // About x by tilt, then about y by turn.
        const [y1, z1] = [y * ct, y * st]
        const [u, v] = [x * cu + z1 * su, y1]
        const z = -x * su + z1 * cu + far
        const [a, b] = [u / z, v / z]
        const lens = 1 + k1 * (a * a + b * b)
        return [fx * a * lens + cx + 0.5, fy * b * lens + cy + 0.5]
      }).flat()
      return { world: grid, seen }
    }
    const views = [view(0.4, 0, 400), view(-0.4, 0.2, 420), view(0, 0.5, 380), view(0.3, -0.5, 450), view(0.1, 0.1, 350)]
    const camera = await cv.calibrateCamera(views, 640, 480)
    expect(camera.error).toBeLessThan(0.01)
    expect(camera.viewErrors.length).toBe(5)
    close(camera.matrix, [fx, 0, cx, 0, fy, cy, 0, 0, 1], 0.2)
    close(camera.distortion.slice(0, 1), [k1], 0.005)
  })
})
