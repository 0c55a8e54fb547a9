// Nodes of older opsets as text, and the same in opset 21. The unit test compares text and reference, the conformance test runs both.

export interface OpsetCase {
  readonly name: string
  readonly opset: number
  readonly before: string
  readonly after: string
  /** Why ONNX Runtime cannot be asked about the older form. */
  readonly notOnRuntime?: string
}

const beforeRuntime = 'ONNX Runtime begins with opset 7'

export const opsetCases: readonly OpsetCase[] = [
  {
    name: 'Slice: lists become inputs',
    opset: 9,
    before: `
      model ir=6 opset=9
      graph main(x: float32[4,5]) -> (y: float32[2,3])
        y = Slice(x) {axes=[0,1], ends=[3,9223372036854775807], starts=[1,-3]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4,5]) -> (y: float32[2,3])
        ints: int64[2] = {1, -3}
        ints_1: int64[2] = {3, 9223372036854775807}
        ints_2: int64[2] = {0, 1}
        y = Slice(x, ints, ints_1, ints_2)`,
  },
  {
    name: 'Slice without axes',
    opset: 7,
    before: `
      model ir=3 opset=7
      graph main(x: float32[4,5]) -> (y: float32[3,4])
        y = Slice(x) {ends=[3,4], starts=[0,0]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4,5]) -> (y: float32[3,4])
        ints: int64[2] = {0, 0}
        ints_1: int64[2] = {3, 4}
        y = Slice(x, ints, ints_1)`,
  },
  {
    name: 'Pad: pads and value become inputs',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[2,3]) -> (y: float32[3,5])
        y = Pad(x) {mode="constant", pads=[1,0,0,2], value=1.5}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[3,5])
        scalar: float32[] = {1.5}
        ints: int64[4] = {1, 0, 0, 2}
        y = Pad(x, ints, scalar) {mode="constant"}`,
  },
  {
    name: 'Pad with its default value',
    opset: 2,
    before: `
      model ir=3 opset=2
      graph main(x: float32[2,3]) -> (y: float32[4,3])
        y = Pad(x) {mode="reflect", pads=[1,0,1,0]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[4,3])
        ints: int64[4] = {1, 0, 1, 0}
        y = Pad(x, ints) {mode="reflect"}`,
  },
  {
    name: 'Pad of opset 1',
    opset: 1,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=1
      graph main(x: float32[2,3]) -> (y: float32[3,3])
        y = Pad(x) {paddings=[1,0,0,0]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[3,3])
        ints: int64[4] = {1, 0, 0, 0}
        y = Pad(x, ints)`,
  },
  {
    name: 'Clip: limits become inputs',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[6]) -> (y: float32[6])
        y = Clip(x) {max=0.5, min=-0.25}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[6]) -> (y: float32[6])
        scalar: float32[] = {-0.25}
        scalar_1: float32[] = {0.5}
        y = Clip(x, scalar, scalar_1)`,
  },
  {
    name: 'Clip with one limit, of another element type',
    opset: 6,
    notOnRuntime: 'no kernel for float64',
    before: `
      model ir=3 opset=6
      graph main(x: float64[6]) -> (y: float64[6])
        y = Clip(x) {max=0.5}`,
    after: `
      model ir=10 opset=21
      graph main(x: float64[6]) -> (y: float64[6])
        scalar: float64[] = {0.5}
        y = Clip(x, _, scalar)`,
  },
  {
    name: 'Clip within a subgraph, whose types are unknown',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[6], c: bool[]) -> (y: float32[6])
        y = If(c)
          else_branch: graph other() -> (b: float32[6])
            b = Neg(x)
          then_branch: graph some() -> (a: float32[6])
            t = Exp(x)
            a = Clip(t) {min=1.5}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[6], c: bool[]) -> (y: float32[6])
        scalar: float32[] = {1.5}
        y = If(c)
          else_branch: graph other() -> (b: float32[6])
            b = Neg(x)
          then_branch: graph some() -> (a: float32[6])
            t = Exp(x)
            CastLike = CastLike(scalar, t)
            a = Clip(t, CastLike)`,
  },
  {
    name: 'Dropout: ratio becomes an input',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[4]) -> (y: float32[4])
        y = Dropout(x) {ratio=0.3}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4]) -> (y: float32[4])
        scalar: float32[] = {0.3}
        y = Dropout(x, scalar)`,
  },
  {
    name: 'Dropout: a mask that nobody uses',
    opset: 7,
    before: `
      model ir=3 opset=7
      graph main(x: float32[4]) -> (y: float32[4])
        (y, mask) = Dropout(x)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4]) -> (y: float32[4])
        y = Dropout(x)`,
  },
  {
    name: 'Dropout: a mask of the type of the data',
    opset: 7,
    notOnRuntime: 'the mask outside training is not defined',
    before: `
      model ir=3 opset=7
      graph main(x: float32[4]) -> (y: float32[4])
        (d, mask) = Dropout(x) {ratio=0.25}
        y = Mul(d, mask)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4]) -> (y: float32[4])
        scalar: float32[] = {0.25}
        (d, mask_1) = Dropout(x, scalar)
        mask = CastLike(mask_1, x)
        y = Mul(d, mask)`,
  },
  {
    name: 'Dropout of opset 6',
    opset: 6,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=6
      graph main(x: float32[4]) -> (y: float32[4])
        y = Dropout(x) {is_test=1, ratio=0.3}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4]) -> (y: float32[4])
        scalar: float32[] = {0.3}
        y = Dropout(x, scalar)`,
  },
  {
    name: 'Softmax over the last axis',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[2,5]) -> (y: float32[2,5])
        y = Softmax(x)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,5]) -> (y: float32[2,5])
        y = Softmax(x) {axis=-1}`,
  },
  {
    name: 'Softmax over the only axis that is long',
    opset: 7,
    before: `
      model ir=3 opset=7
      graph main(x: float32[N,5,1,1]) -> (y: float32[N,5,1,1])
        y = Softmax(x) {axis=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[N,5,1,1]) -> (y: float32[N,5,1,1])
        y = Softmax(x) {axis=1}`,
  },
  {
    name: 'Softmax over several axes',
    opset: 12,
    before: `
      model ir=6 opset=12
      graph main(x: float32[2,3,4]) -> (y: float32[2,3,4])
        y = Softmax(x) {axis=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3,4]) -> (y: float32[2,3,4])
        Flatten = Flatten(x) {axis=1}
        Shape = Shape(x)
        Softmax = Softmax(Flatten) {axis=1}
        y = Reshape(Softmax, Shape) {allowzero=1}`,
  },
  {
    name: 'LogSoftmax over all axes',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[2,3]) -> (y: float32[2,3])
        y = LogSoftmax(x) {axis=0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[2,3])
        Flatten = Flatten(x) {axis=0}
        Shape = Shape(x)
        LogSoftmax = LogSoftmax(Flatten) {axis=1}
        y = Reshape(LogSoftmax, Shape) {allowzero=1}`,
  },
  {
    name: 'Hardmax over several axes, counted from the end',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[2,3,4]) -> (y: float32[2,3,4])
        y = Hardmax(x) {axis=-2}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3,4]) -> (y: float32[2,3,4])
        Flatten = Flatten(x) {axis=-2}
        Shape = Shape(x)
        Hardmax = Hardmax(Flatten) {axis=1}
        y = Reshape(Hardmax, Shape) {allowzero=1}`,
  },
  {
    name: 'Squeeze and Unsqueeze: axes become inputs',
    opset: 12,
    before: `
      model ir=6 opset=12
      graph main(x: float32[2,1,3]) -> (y: float32[1,2,3])
        s = Squeeze(x) {axes=[1]}
        y = Unsqueeze(s) {axes=[0]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,1,3]) -> (y: float32[1,2,3])
        ints: int64[1] = {1}
        ints_1: int64[1] = {0}
        s = Squeeze(x, ints)
        y = Unsqueeze(s, ints_1)`,
  },
  {
    name: 'Squeeze of all axes of length 1',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[2,1,3]) -> (y: float32[2,3])
        y = Squeeze(x)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,1,3]) -> (y: float32[2,3])
        y = Squeeze(x)`,
  },
  {
    name: 'ReduceSum: axes become an input',
    opset: 12,
    before: `
      model ir=6 opset=12
      graph main(x: float32[2,3]) -> (y: float32[2])
        y = ReduceSum(x) {axes=[-1], keepdims=0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[2])
        ints: int64[1] = {-1}
        y = ReduceSum(x, ints) {keepdims=0}`,
  },
  {
    name: 'other reductions: axes become an input',
    opset: 17,
    before: `
      model ir=8 opset=17
      graph main(x: float32[2,3]) -> (y: float32[2,1], z: float32[1,3])
        y = ReduceMean(x) {axes=[1]}
        z = ReduceL2(x) {axes=[0], keepdims=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[2,1], z: float32[1,3])
        ints: int64[1] = {1}
        ints_1: int64[1] = {0}
        y = ReduceMean(x, ints)
        z = ReduceL2(x, ints_1) {keepdims=1}`,
  },
  {
    name: 'reduction over all axes',
    opset: 13,
    before: `
      model ir=8 opset=13
      graph main(x: float32[2,3]) -> (y: float32[])
        y = ReduceMax(x) {keepdims=0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[])
        y = ReduceMax(x) {keepdims=0}`,
  },
  {
    name: 'Split: lengths become an input',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[2,6]) -> (y: float32[2,4], z: float32[2,2])
        (y, z) = Split(x) {axis=1, split=[4,2]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,6]) -> (y: float32[2,4], z: float32[2,2])
        ints: int64[2] = {4, 2}
        (y, z) = Split(x, ints) {axis=1}`,
  },
  {
    name: 'Split into equal parts',
    opset: 7,
    before: `
      model ir=3 opset=7
      graph main(x: float32[2,6]) -> (y: float32[2,3], z: float32[2,3])
        (y, z) = Split(x) {axis=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,6]) -> (y: float32[2,3], z: float32[2,3])
        (y, z) = Split(x) {axis=1, num_outputs=2}`,
  },
  {
    name: 'BatchNormalization: outputs beside the first mean training',
    opset: 9,
    notOnRuntime: 'no kernel that trains',
    before: `
      model ir=6 opset=9
      graph main(x: float32[4,2], scale: float32[2], bias: float32[2], mean: float32[2], variance: float32[2]) -> (y: float32[4,2], m: float32[2])
        (y, m, v, sm, sv) = BatchNormalization(x, scale, bias, mean, variance) {epsilon=0.01, momentum=0.8}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[4,2], scale: float32[2], bias: float32[2], mean: float32[2], variance: float32[2]) -> (y: float32[4,2], m: float32[2])
        (y, m, v) = BatchNormalization(x, scale, bias, mean, variance) {epsilon=0.01, momentum=0.8, training_mode=1}`,
  },
  {
    name: 'BatchNormalization: spatial statistics',
    opset: 8,
    before: `
      model ir=3 opset=8
      graph main(x: float32[2,2,3], a: float32[2]) -> (y: float32[2,2,3])
        a: float32[2] = {0.5, 2}
        y = BatchNormalization(x, a, a, a, a) {spatial=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,2,3]) -> (y: float32[2,2,3])
        a: float32[2] = {0.5, 2}
        y = BatchNormalization(x, a, a, a, a)`,
  },
  {
    name: 'BatchNormalization: statistics of every element',
    opset: 7,
    notOnRuntime: 'no kernel for it',
    before: `
      model ir=3 opset=7
      graph main(x: float32[2,2,2], a: float32[2,2]) -> (y: float32[2,2,2])
        a: float32[2,2] = {0.5, 2, 1, 3}
        y = BatchNormalization(x, a, a, a, a) {epsilon=0.01, spatial=0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,2,2]) -> (y: float32[2,2,2])
        a: float32[2,2] = {0.5, 2, 1, 3}
        ints: int64[1] = {-1}
        Flatten = Flatten(x) {axis=1}
        Reshape = Reshape(a, ints)
        Reshape_1 = Reshape(a, ints)
        Reshape_2 = Reshape(a, ints)
        Reshape_3 = Reshape(a, ints)
        BatchNormalization = BatchNormalization(Flatten, Reshape, Reshape_1, Reshape_2, Reshape_3) {epsilon=0.01}
        Shape = Shape(x)
        y = Reshape(BatchNormalization, Shape) {allowzero=1}`,
  },
  {
    name: 'BatchNormalization of opset 1',
    opset: 5,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=5
      graph main(x: float32[2,2,3], a: float32[2]) -> (y: float32[2,2,3])
        a: float32[2] = {0.5, 2}
        y = BatchNormalization(x, a, a, a, a) {consumed_inputs=[0,0,0,1,1], is_test=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,2,3]) -> (y: float32[2,2,3])
        a: float32[2] = {0.5, 2}
        y = BatchNormalization(x, a, a, a, a)`,
  },
  {
    name: 'Upsample: scales as an attribute',
    opset: 8,
    before: `
      model ir=3 opset=8
      graph main(x: float32[1,1,2,2]) -> (y: float32[1,1,4,6])
        y = Upsample(x) {mode="nearest", scales=[1.0,1.0,2.0,3.0]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,2,2]) -> (y: float32[1,1,4,6])
        scales: float32[4] = {1, 1, 2, 3}
        y = Resize(x, _, scales) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor"}`,
  },
  {
    name: 'Upsample: scales as an input',
    opset: 9,
    before: `
      model ir=6 opset=9
      graph main(x: float32[1,1,2,2]) -> (y: float32[1,1,4,6])
        scales: float32[4] = {1, 1, 2, 3}
        y = Upsample(x, scales) {mode="linear"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,2,2]) -> (y: float32[1,1,4,6])
        scales: float32[4] = {1, 1, 2, 3}
        y = Resize(x, _, scales) {coordinate_transformation_mode="asymmetric", mode="linear"}`,
  },
  {
    name: 'Upsample of opset 6',
    opset: 6,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=6
      graph main(x: float32[1,1,2,2]) -> (y: float32[1,1,4,6])
        y = Upsample(x) {height_scale=2.0, mode="bilinear", width_scale=3.0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,2,2]) -> (y: float32[1,1,4,6])
        scales: float32[4] = {1, 1, 2, 3}
        y = Resize(x, _, scales) {coordinate_transformation_mode="asymmetric", mode="linear"}`,
  },
  {
    name: 'Resize: larger',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[1,1,3,3]) -> (y: float32[1,1,7,5])
        scales: float32[4] = {1, 1, 2.5, 1.75}
        y = Resize(x, scales) {mode="nearest"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,3,3]) -> (y: float32[1,1,7,5])
        scales: float32[4] = {1, 1, 2.5, 1.75}
        y = Resize(x, _, scales) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor"}`,
  },
  {
    name: 'Resize: smaller',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[1,1,5,5]) -> (y: float32[1,1,2,3])
        scales: float32[4] = {1, 1, 0.4, 0.6}
        y = Resize(x, scales)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,5,5]) -> (y: float32[1,1,2,3])
        scales: float32[4] = {1, 1, 0.4, 0.6}
        y = Resize(x, _, scales) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="ceil"}`,
  },
  {
    name: 'Resize: one axis larger, the other smaller',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,3])
        scales: float32[4] = {1, 1, 2, 0.6}
        y = Resize(x, scales)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,3])
        scales: float32[4] = {1, 1, 2, 0.6}
        scales_1: float32[4] = {1, 1, 2, 1}
        scales_2: float32[4] = {1, 1, 1, 0.6}
        Resize = Resize(x, _, scales_1) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor"}
        y = Resize(Resize, _, scales_2) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="ceil"}`,
  },
  {
    name: 'Resize: linear',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,3])
        scales: float32[4] = {1, 1, 2, 0.6}
        y = Resize(x, scales) {mode="linear"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,3])
        scales: float32[4] = {1, 1, 2, 0.6}
        y = Resize(x, _, scales) {coordinate_transformation_mode="asymmetric", mode="linear"}`,
  },
  {
    name: 'Resize: empty lists are left out',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,10])
        roi: float32[0] = {}
        scales: float32[0] = {}
        sizes: int64[4] = {1, 1, 6, 10}
        y = Resize(x, roi, scales, sizes) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,10])
        roi: float32[0] = {}
        scales: float32[0] = {}
        sizes: int64[4] = {1, 1, 6, 10}
        y = Resize(x, _, _, sizes) {coordinate_transformation_mode="asymmetric", mode="nearest", nearest_mode="floor"}`,
  },
  {
    name: 'Resize: the origins of TensorFlow',
    opset: 12,
    before: `
      model ir=6 opset=12
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,8])
        roi: float32[0] = {}
        scales: float32[4] = {1, 1, 2, 1.6}
        y = Resize(x, roi, scales) {coordinate_transformation_mode="tf_half_pixel_for_nn", mode="nearest", nearest_mode="floor"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,3,5]) -> (y: float32[1,1,6,8])
        roi: float32[0] = {}
        scales: float32[4] = {1, 1, 2, 1.6}
        y = Resize(x, _, scales) {coordinate_transformation_mode="half_pixel", mode="nearest", nearest_mode="round_prefer_ceil"}`,
  },
  {
    name: 'Resize: part of the image',
    opset: 11,
    before: `
      model ir=6 opset=11
      graph main(x: float32[1,1,4,4]) -> (y: float32[1,1,3,3])
        roi: float32[8] = {0, 0, 0.25, 0.25, 1, 1, 0.75, 0.75}
        scales: float32[0] = {}
        sizes: int64[4] = {1, 1, 3, 3}
        y = Resize(x, roi, scales, sizes) {coordinate_transformation_mode="tf_crop_and_resize", mode="linear"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,4,4]) -> (y: float32[1,1,3,3])
        roi: float32[8] = {0, 0, 0.25, 0.25, 1, 1, 0.75, 0.75}
        scales: float32[0] = {}
        sizes: int64[4] = {1, 1, 3, 3}
        y = Resize(x, roi, _, sizes) {coordinate_transformation_mode="tf_crop_and_resize", mode="linear"}`,
  },
  {
    name: 'TopK: k becomes an input',
    opset: 9,
    before: `
      model ir=6 opset=9
      graph main(x: float32[2,5]) -> (y: float32[2,3], i: int64[2,3])
        (y, i) = TopK(x) {axis=1, k=3}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,5]) -> (y: float32[2,3], i: int64[2,3])
        k: int64[1] = {3}
        (y, i) = TopK(x, k) {axis=1}`,
  },
  {
    name: 'Scatter becomes ScatterElements',
    opset: 9,
    before: `
      model ir=6 opset=9
      graph main(x: float32[3,3], u: float32[1,3]) -> (y: float32[3,3])
        i: int64[1,3] = {0, 2, 1}
        y = Scatter(x, i, u) {axis=0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[3,3], u: float32[1,3]) -> (y: float32[3,3])
        i: int64[1,3] = {0, 2, 1}
        y = ScatterElements(x, i, u) {axis=0}`,
  },
  {
    name: 'GroupNormalization: parameters of every channel',
    opset: 18,
    before: `
      model ir=8 opset=18
      graph main(x: float32[2,4,3], scale: float32[2], bias: float32[2]) -> (y: float32[2,4,3])
        y = GroupNormalization(x, scale, bias) {num_groups=2}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,4,3], scale: float32[2], bias: float32[2]) -> (y: float32[2,4,3])
        ints: int64[2] = {2, 1}
        ints_1: int64[2] = {2, 2}
        ints_2: int64[1] = {-1}
        Reshape = Reshape(scale, ints)
        Expand = Expand(Reshape, ints_1)
        Reshape_1 = Reshape(Expand, ints_2)
        Reshape_2 = Reshape(bias, ints)
        Expand_1 = Expand(Reshape_2, ints_1)
        Reshape_3 = Reshape(Expand_1, ints_2)
        y = GroupNormalization(x, Reshape_1, Reshape_3) {num_groups=2}`,
  },
  {
    name: 'GridSample: names of modes',
    opset: 16,
    before: `
      model ir=8 opset=16
      graph main(x: float32[1,1,4,4], grid: float32[1,2,2,2]) -> (y: float32[1,1,2,2])
        y = GridSample(x, grid) {align_corners=1, mode="bilinear"}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,4,4], grid: float32[1,2,2,2]) -> (y: float32[1,1,2,2])
        y = GridSample(x, grid) {align_corners=1, mode="linear"}`,
  },
  {
    name: 'DFT: the axis becomes an input',
    opset: 17,
    before: `
      model ir=8 opset=17
      graph main(x: float32[2,4,1]) -> (y: float32[2,4,2])
        y = DFT(x)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,4,1]) -> (y: float32[2,4,2])
        scalar: int64[] = {1}
        y = DFT(x, _, scalar)`,
  },
  {
    name: 'RoiAlign: coordinates without an offset',
    opset: 10,
    before: `
      model ir=6 opset=10
      graph main(x: float32[1,1,6,6], r: float32[1,4]) -> (y: float32[1,1,2,2])
        b: int64[1] = {0}
        y = RoiAlign(x, r, b) {output_height=2, output_width=2, sampling_ratio=2}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,1,6,6], r: float32[1,4]) -> (y: float32[1,1,2,2])
        b: int64[1] = {0}
        y = RoiAlign(x, r, b) {coordinate_transformation_mode="output_half_pixel", output_height=2, output_width=2, sampling_ratio=2}`,
  },
  {
    name: 'Reshape of opset 1',
    opset: 4,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=4
      graph main(x: float32[2,3]) -> (y: float32[3,2])
        y = Reshape(x) {shape=[3,2]}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3]) -> (y: float32[3,2])
        ints: int64[2] = {3, 2}
        y = Reshape(x, ints)`,
  },
  {
    name: 'Add of opset 6: the second operand at an axis',
    opset: 6,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=6
      graph main(x: float32[2,3,4,5], b: float32[3]) -> (y: float32[2,3,4,5])
        y = Add(x, b) {axis=1, broadcast=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3,4,5], b: float32[3]) -> (y: float32[2,3,4,5])
        ints: int64[2] = {1, 2}
        Unsqueeze = Unsqueeze(b, ints)
        y = Add(x, Unsqueeze)`,
  },
  {
    name: 'Mul of opset 6: the second operand at the end',
    opset: 6,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=6
      graph main(x: float32[2,3,4], b: float32[3,4]) -> (y: float32[2,3,4])
        y = Mul(x, b) {axis=1, broadcast=1}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3,4], b: float32[3,4]) -> (y: float32[2,3,4])
        y = Mul(x, b)`,
  },
  {
    name: 'Gemm, PRelu and Relu of opset 6',
    opset: 6,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=6
      graph main(x: float32[2,3], c: float32[4], w: float32[3,4], slope: float32[4]) -> (y: float32[2,4])
        w: float32[3,4] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2}
        slope: float32[4] = {0.1, 0.2, 0.3, 0.4}
        r = Relu(x)
        g = Gemm(r, w, c) {broadcast=1}
        y = PRelu(g, slope)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3], c: float32[4]) -> (y: float32[2,4])
        w: float32[3,4] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2}
        slope: float32[4] = {0.1, 0.2, 0.3, 0.4}
        r = Relu(x)
        g = Gemm(r, w, c)
        y = PRelu(g, slope)`,
  },
  {
    name: 'PRelu of opset 6: a slope for each channel',
    opset: 6,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=6
      graph main(x: float32[2,3,4], slope: float32[3]) -> (y: float32[2,3,4])
        slope: float32[3] = {0.1, 0.2, 0.3}
        y = PRelu(x, slope)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3,4]) -> (y: float32[2,3,4])
        slope: float32[3] = {0.1, 0.2, 0.3}
        ints: int64[1] = {1}
        Unsqueeze = Unsqueeze(slope, ints)
        y = PRelu(x, Unsqueeze)`,
  },
  {
    name: 'Concat of opset 3',
    opset: 3,
    notOnRuntime: beforeRuntime,
    before: `
      model ir=3 opset=3
      graph main(x: float32[2,3], z: float32[2,1]) -> (y: float32[2,4])
        y = Concat(x, z)`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[2,3], z: float32[2,1]) -> (y: float32[2,4])
        y = Concat(x, z) {axis=1}`,
  },
  {
    name: 'ImageScaler becomes a product and a sum',
    opset: 8,
    before: `
      model ir=3 opset=8
      graph main(x: float32[1,2,1,2]) -> (y: float32[1,2,1,2])
        y = ImageScaler(x) {bias=[0.5,-1.5], scale=2.0}`,
    after: `
      model ir=10 opset=21
      graph main(x: float32[1,2,1,2]) -> (y: float32[1,2,1,2])
        scalar: float32[] = {2}
        bias: float32[2,1,1] = {0.5, -1.5}
        Mul = Mul(x, scalar)
        y = Add(Mul, bias)`,
  },
]
