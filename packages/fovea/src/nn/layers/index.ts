// The layers, in one place to import from.

export { type Activation, activation, activationNames, relu } from './activation.ts'
export { add, type SqueezeExciteOptions, squeezeExcite } from './blocks.ts'
export { type ConvOptions, conv2d, type Size2d, sharedConv2d } from './convolution.ts'
export { dropout, flatten, type LinearOptions, linear } from './linear.ts'
export { type BatchNormOptions, batchNorm2d, layerNorm } from './normalisation.ts'
export { averagePool, globalAveragePool, maxPool, type PoolOptions } from './pooling.ts'
export { selfAttention, type TransformerBlockOptions, transformerBlock } from './transformer.ts'
