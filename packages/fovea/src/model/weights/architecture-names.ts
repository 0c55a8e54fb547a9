// What other tools call the networks of our table.

import { architectureNames } from '../../nn/architectures.ts'

/** timm's names, without the tag of the weights, and torchvision's, where they differ from ours. */
const known: Readonly<Record<string, string>> = {
  mobilevit_xxs: 'mobilevit-xxs',
  mobilevit_xs: 'mobilevit-xs',
  mobilevit_s: 'mobilevit-s',
  vit_tiny_patch16: 'vit-tiny',
  vit_small_patch16: 'vit-small',
  vit_base_patch16: 'vit-base',
  deit_tiny_patch16: 'vit-tiny',
  deit_small_patch16: 'vit-small',
  deit_base_patch16: 'vit-base',
  vit_b_16: 'vit-base',
  mobilenetv2_100: 'mobilenetv2',
  mobilenet_v2: 'mobilenetv2',
  efficientnet_b0: 'efficientnet-b0',
  convnext_tiny: 'convnext-tiny',
}

/** The row of our table that another tool means: `vit_base_patch16_384.augreg_in21k` is vit-base. Undefined where there is none. */
export function architectureNamed(name: string): string | undefined {
  const plain = name.replace(/^timm\//, '').replace(/\..*$/, '')
  const rows = architectureNames()
  const found = [plain, known[plain], known[plain.replace(/_\d+$/, '')]].find((row) => row !== undefined && rows.includes(row))
  return found
}
