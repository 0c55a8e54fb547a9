// From the names that torchvision gives to the tensors of a network to timm's, which are ours.

/** timm's name of a tensor; undefined where the name is none of this naming. */
export type Rename = (name: string) => string | undefined

type Rule = readonly [pattern: RegExp, rename: (...parts: string[]) => string]

/** Blocks of each stage of MobileNetV2 (Sandler 2018, table 2): torchvision numbers them through. */
const mobileNetDepths = [1, 2, 3, 4, 3, 3, 1]

/** What an inverted residual block holds, in its order: convolution and norm of the expansion, the depthwise and the projection. */
const mobileNetParts: Readonly<Record<string, string>> = {
  'conv.0.0': 'conv_pw',
  'conv.0.1': 'bn1',
  'conv.1.0': 'conv_dw',
  'conv.1.1': 'bn2',
  'conv.2': 'conv_pwl',
  'conv.3': 'bn3',
}
/** A first block expands nothing, and its projection is timm's pointwise convolution. */
const mobileNetFirstParts: Readonly<Record<string, string>> = {
  'conv.0.0': 'conv_dw',
  'conv.0.1': 'bn1',
  'conv.1': 'conv_pw',
  'conv.2': 'bn2',
}
const efficientNetParts: Readonly<Record<string, string>> = {
  '0.0': 'conv_pw',
  '0.1': 'bn1',
  '1.0': 'conv_dw',
  '1.1': 'bn2',
  '2.fc1': 'se.conv_reduce',
  '2.fc2': 'se.conv_expand',
  '3.0': 'conv_pwl',
  '3.1': 'bn3',
}
const efficientNetFirstParts: Readonly<Record<string, string>> = {
  '0.0': 'conv_dw',
  '0.1': 'bn1',
  '1.fc1': 'se.conv_reduce',
  '1.fc2': 'se.conv_expand',
  '2.0': 'conv_pw',
  '2.1': 'bn2',
}
const convNextParts: Readonly<Record<string, string>> = {
  '0': 'conv_dw',
  '2': 'norm',
  '3': 'mlp.fc1',
  '5': 'mlp.fc2',
}
const vitParts: Readonly<Record<string, string>> = {
  ln_1: 'norm1',
  'self_attention.in_proj_': 'attn.qkv.',
  'self_attention.out_proj': 'attn.proj',
  ln_2: 'norm2',
  'mlp.0': 'mlp.fc1',
  'mlp.3': 'mlp.fc2',
  // As the first weights were written.
  'mlp.linear_1': 'mlp.fc1',
  'mlp.linear_2': 'mlp.fc2',
}

/** The stem and the widened last map, which both families of inverted residuals have. */
function stemAndTop(top: string): Rule[] {
  return [
    [/^features\.0\.0\.(.+)$/, (end) => `conv_stem.${end}`],
    [/^features\.0\.1\.(.+)$/, (end) => `bn1.${end}`],
    [new RegExp(`^features\\.${top}\\.0\\.(.+)$`), (end) => `conv_head.${end}`],
    [new RegExp(`^features\\.${top}\\.1\\.(.+)$`), (end) => `bn2.${end}`],
    [/^classifier\.1\.(.+)$/, (end) => `classifier.${end}`],
  ]
}

/** The block of MobileNetV2 that has this number, counted from 1 through all stages. */
function mobileNetBlock(number: number): { readonly stage: number; readonly block: number } | undefined {
  let before = 1
  for (const [stage, depth] of mobileNetDepths.entries()) {
    if (number < before + depth) return { stage, block: number - before }
    before += depth
  }
  return undefined
}

const rules: Readonly<Record<string, readonly Rule[]>> = {
  mobilenetv2: [
    ...stemAndTop('18'),
    [
      /^features\.(\d+)\.(conv(?:\.\d+)+)\.(.+)$/,
      (number, part, end) => {
        const place = mobileNetBlock(Number(number))
        const found = (place?.stage === 0 ? mobileNetFirstParts : mobileNetParts)[part!]
        return place === undefined || found === undefined ? '' : `blocks.${place.stage}.${place.block}.${found}.${end}`
      },
    ],
  ],
  efficientnet: [
    ...stemAndTop('8'),
    [
      /^features\.(\d+)\.(\d+)\.block\.(\d+\.(?:\d+|fc1|fc2))\.(.+)$/,
      (stage, block, part, end) => {
        const found = (stage === '1' ? efficientNetFirstParts : efficientNetParts)[part!]
        return found === undefined ? '' : `blocks.${Number(stage) - 1}.${block}.${found}.${end}`
      },
    ],
  ],
  convnext: [
    [/^features\.0\.([01])\.(weight|bias)$/, (part, end) => `stem.${part}.${end}`],
    // Between the stages lie the reductions, under even numbers.
    [/^features\.([246])\.([01])\.(weight|bias)$/, (at, part, end) => `stages.${Number(at) / 2}.downsample.${part}.${end}`],
    [/^features\.([1357])\.(\d+)\.layer_scale$/, (at, block) => `stages.${(Number(at) - 1) / 2}.blocks.${block}.gamma`],
    [
      /^features\.([1357])\.(\d+)\.block\.(\d+)\.(.+)$/,
      (at, block, part, end) => {
        const found = convNextParts[part!]
        return found === undefined ? '' : `stages.${(Number(at) - 1) / 2}.blocks.${block}.${found}.${end}`
      },
    ],
    [/^classifier\.0\.(.+)$/, (end) => `head.norm.${end}`],
    [/^classifier\.2\.(.+)$/, (end) => `head.fc.${end}`],
  ],
  vit: [
    [/^class_token$/, () => 'cls_token'],
    [/^conv_proj\.(.+)$/, (end) => `patch_embed.proj.${end}`],
    [/^encoder\.pos_embedding$/, () => 'pos_embed'],
    [
      /^encoder\.layers\.encoder_layer_(\d+)\.(ln_[12]|mlp\.(?:[03]|linear_[12])|self_attention\.out_proj)\.(.+)$/,
      (layer, part, end) => `blocks.${layer}.${vitParts[part!]}.${end}`,
    ],
    [
      /^encoder\.layers\.encoder_layer_(\d+)\.(self_attention\.in_proj_)(weight|bias)$/,
      (layer, part, end) => `blocks.${layer}.${vitParts[part!]}${end}`,
    ],
    [/^encoder\.ln\.(.+)$/, (end) => `norm.${end}`],
    [/^heads\.head\.(.+)$/, (end) => `head.${end}`],
  ],
}

/**
 * The namings of torchvision that differ from timm's, by family. (Its ResNets have timm's names.) The same tensors mean the same
 * under both: nothing is split, joined or turned; ConvNeXt's layer scale alone is written as [C, 1, 1] instead of [C].
 */
export const torchvisionNamings: Readonly<Record<string, Rename>> = Object.fromEntries(
  Object.entries(rules).map(([family, list]) => [family, (name: string) => applyRules(list, name)]),
)

function applyRules(list: readonly Rule[], name: string): string | undefined {
  for (const [pattern, rename] of list) {
    const match = pattern.exec(name)
    if (match !== null) return rename(...match.slice(1)) || undefined
  }
  return undefined
}
