// The formats against data sets that others made.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithData } from '../../../test/shared-data.ts'
import type { FoveaError } from '../../util/errors.ts'
import type { LabelledSet } from '../../vision/labelled-set.ts'
import { compareText } from '../dataset.ts'
import { readDataset, writeDataset } from './dataset-files.ts'
import { canonical } from './format.case.ts'
import type { DatasetProblem, ProblemCode } from './problems.ts'
import { detectFormat } from './table.ts'

let base = ''
let run = 0
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-samples-'))
})
afterAll(() => rm(base, { recursive: true }))

/** Pictures in the order of their names, without what depends on where they lie. */
function exact({ pictures }: LabelledSet, unsized: boolean): unknown[] {
  return pictures
    .map(({ file: _, ...rest }) => (unsized ? { ...rest, width: 0, height: 0 } : rest))
    .sort((a, b) => compareText(`${a.split}/${a.name}`, `${b.split}/${b.name}`))
}

interface Sample {
  readonly path: string
  readonly format: string
  readonly pictures: number
  readonly annotations: number
  readonly labels?: number
  readonly captions?: number
  readonly splits?: readonly string[]
  readonly problems?: Partial<Record<ProblemCode, number>>
  /** What its own format cannot write, since it is wrong. */
  readonly loses?: readonly string[]
}

const splits = ['train', 'val']

const samples: readonly Sample[] = [
  {
    path: 'coco_dataset/coco',
    format: 'coco',
    pictures: 2,
    annotations: 4,
    labels: 3,
    captions: 3,
    splits,
    problems: { 'unsupported-part': 2 },
  },
  { path: 'coco_dataset/coco_instances', format: 'coco', pictures: 2, annotations: 3, splits },
  {
    path: 'coco_dataset/coco_panoptic',
    format: 'coco-panoptic',
    pictures: 2,
    annotations: 3,
    splits,
    problems: { 'mask-size': 1 },
    loses: ['mask of another size than its picture'],
  },
  { path: 'dota_dataset', format: 'dota', pictures: 3, annotations: 4, splits },
  { path: 'roboflow_dataset/yolo_obb', format: 'dota', pictures: 3, annotations: 4, splits },
  { path: 'cvat_dataset/for_video', format: 'cvat', pictures: 4, annotations: 3, problems: { 'missing-file': 1 } },
  { path: 'coco_dataset/coco_captions', format: 'coco', pictures: 2, annotations: 0, captions: 3, splits },
  { path: 'coco_dataset/coco_image_info', format: 'coco', pictures: 2, annotations: 0, splits },
  { path: 'coco_dataset/coco_labels', format: 'coco', pictures: 2, annotations: 0, labels: 3, splits },
  { path: 'coco_dataset/coco_person_keypoints', format: 'coco', pictures: 2, annotations: 3, splits },
  { path: 'coco_dataset/coco_roboflow', format: 'coco', pictures: 2, annotations: 3, splits },
  { path: 'coco_dataset/coco_stuff', format: 'coco', pictures: 2, annotations: 2, splits },
  { path: 'coco_dataset/mmdet_coco', format: 'coco', pictures: 2, annotations: 3, splits },
  { path: 'kaggle_dataset/relaxed_coco', format: 'coco', pictures: 2, annotations: 2 },
  { path: 'roboflow_dataset/coco', format: 'coco', pictures: 3, annotations: 4, splits },
  {
    path: 'voc_dataset/voc_dataset1',
    format: 'voc',
    pictures: 2,
    annotations: 2,
    splits: ['test', 'train'],
    problems: { 'missing-labels': 1 },
  },
  // A set without its pictures.
  { path: 'voc_dataset/voc_dataset2', format: 'voc', pictures: 5, annotations: 4, splits: ['trainval'], problems: { 'missing-file': 5 } },
  { path: 'voc_dataset/voc_dataset3', format: 'voc', pictures: 1, annotations: 1, splits: ['train'] },
  { path: 'kaggle_dataset/relaxed_voc1', format: 'voc', pictures: 1, annotations: 2 },
  { path: 'kaggle_dataset/relaxed_voc2', format: 'voc', pictures: 1, annotations: 2 },
  { path: 'roboflow_dataset/voc', format: 'voc', pictures: 3, annotations: 4, splits, problems: { 'first-pixel': 3, 'outside-image': 3 } },
  { path: 'roboflow_dataset/yolo', format: 'yolo', pictures: 3, annotations: 4, splits },
  { path: 'kaggle_dataset/relaxed_yolo', format: 'yolo', pictures: 2, annotations: 4 },
  { path: 'yolo_dataset/annotations', format: 'yolo', pictures: 1, annotations: 2 },
  { path: 'yolo_dataset/labels', format: 'yolo', pictures: 2, annotations: 4, splits },
  { path: 'yolo_dataset/strict', format: 'yolo', pictures: 1, annotations: 2, splits: ['train'] },
  { path: 'cvat_dataset/for_images/export_project', format: 'cvat', pictures: 6, annotations: 12, splits: ['Test', 'Train', 'Validation'] },
  { path: 'cvat_dataset/for_images/export_task', format: 'cvat', pictures: 2, annotations: 4 },
  { path: 'labelme_dataset', format: 'labelme', pictures: 1, annotations: 7 },
  { path: 'open_images_dataset/v5', format: 'open-images', pictures: 2, annotations: 0, splits: ['test', 'train'] },
  {
    path: 'open_images_dataset/v6',
    format: 'open-images',
    pictures: 4,
    annotations: 2,
    labels: 3,
    splits: ['test', 'train', 'val'],
    problems: { 'absent-class': 1 },
  },
  { path: 'common_semantic_segmentation_dataset/dataset', format: 'mask-folder', pictures: 2, annotations: 4 },
  { path: 'common_semantic_segmentation_dataset/non_standard_dataset', format: 'mask-folder', pictures: 2, annotations: 5 },
  { path: 'kaggle_dataset/image_mask', format: 'mask-folder', pictures: 2, annotations: 2 },
  { path: 'kaggle_dataset/image_mask_with_labelmap', format: 'mask-folder', pictures: 3, annotations: 6 },
  { path: 'mvtec_dataset', format: 'anomaly-folder', pictures: 3, annotations: 2, labels: 3 },
  { path: 'imagenet_dataset', format: 'image-folder', pictures: 4, annotations: 0, labels: 3 },
  { path: 'imagenet_subsets_dataset', format: 'image-folder', pictures: 12, annotations: 0, labels: 9, splits: ['test', 'train', 'val'] },
  { path: 'explore_dataset', format: 'image-folder', pictures: 24, annotations: 0, labels: 24 },
  { path: 'synthetic_dataset/images', format: 'image-folder', pictures: 3, annotations: 0 },
  { path: 'rise', format: 'image-folder', pictures: 1, annotations: 0 },
  // One picture with two versions of labels, whose files are called as those of splits are.
  { path: 'mapillary_vistas_dataset/train', format: 'coco-panoptic', pictures: 2, annotations: 10, splits: ['2018', '2020'] },
  { path: 'image_dir_dataset', format: 'image-folder', pictures: 2, annotations: 0 },
  { path: 'kaggle_dataset/image_csv/ann.csv', format: 'csv', pictures: 5, annotations: 0, labels: 5 },
  { path: 'kaggle_dataset/image_csv/ann_wo_ext.csv', format: 'csv', pictures: 5, annotations: 0, labels: 5 },
  { path: 'kaggle_dataset/image_csv_det/ann.csv', format: 'csv', pictures: 3, annotations: 6 },
  { path: 'kaggle_dataset/image_csv_det/ann2.csv', format: 'csv', pictures: 3, annotations: 6 },
  // Its boxes fit their pictures as corners and as a corner with width and height.
  { path: 'kaggle_dataset/image_csv_det/ann3.csv', format: 'csv', pictures: 3, annotations: 6, problems: { 'ambiguous-box': 1 } },
  { path: 'kaggle_dataset/image_csv_multi_label/ann.csv', format: 'csv', pictures: 6, annotations: 0, labels: 9 },
  { path: 'kaggle_dataset/image_csv_multi_label/ann_wo_ext.csv', format: 'csv', pictures: 6, annotations: 0, labels: 9 },
  { path: 'roboflow_dataset/multiclass', format: 'csv', pictures: 3, annotations: 0, labels: 4, splits },
  { path: 'vott_csv_dataset/dataset/train-export.csv', format: 'csv', pictures: 2, annotations: 3, splits: ['train'] },
  { path: 'vott_csv_dataset/dataset/test-export.csv', format: 'csv', pictures: 2, annotations: 2, splits: ['test'] },
  { path: 'vott_csv_dataset/dataset_with_meta_file', format: 'csv', pictures: 2, annotations: 2, splits: ['test'] },
  { path: 'mapillary_vistas_dataset/val', format: 'coco-panoptic', pictures: 4, annotations: 10, splits: ['2018', '2020'] },
]

/** What is not read, and the name that the error gives it; undefined for what tells nothing. */
const foreign: readonly (readonly [path: string, name: string | undefined])[] = [
  ['ade20k2017_dataset', 'ADE20K'],
  ['ade20k2020_dataset', 'ADE20K'],
  ['algorithms', 'Datumaro'],
  ['align_celeba_dataset', 'CelebA'],
  ['ava_dataset', 'AVA'],
  ['brats_dataset', 'BraTS'],
  ['brats_numpy_dataset', 'BraTS'],
  ['camvid_dataset', 'CamVid'],
  ['celeba_dataset', 'CelebA'],
  ['cifar100_dataset', 'CIFAR-100'],
  ['cifar10_dataset', 'CIFAR-10'],
  ['cityscapes_dataset', 'Cityscapes'],
  ['common_super_resolution_dataset', 'super-resolution'],
  ['compat', undefined],
  ['datumaro_dataset', 'Datumaro'],
  ['icdar_dataset/text_localization', 'ICDAR'],
  ['icdar_dataset/text_segmentation', 'ICDAR'],
  ['icdar_dataset/word_recognition', 'a list of pictures'],
  ['image_zip_dataset', 'archives'],
  ['imagenet_txt_dataset', 'ImageNet'],
  ['kaggle_dataset/image_txt', 'a list of pictures'],
  ['kaggle_dataset/image_txt_det', 'a list of pictures'],
  ['kinetics_dataset', 'Kinetics'],
  ['kitti_dataset', 'KITTI'],
  ['lfw_dataset', 'LFW'],
  ['market1501_dataset', 'Market-1501'],
  ['mars_dataset', 'MARS'],
  ['mnist_csv_dataset', 'MNIST'],
  ['mnist_dataset', 'MNIST'],
  ['mot_dataset', 'MOT'],
  ['mots_dataset', 'MOTS'],
  ['mpii_dataset', 'MPII'],
  ['mpii_json_dataset', 'MPII'],
  ['nyu_depth_v2_dataset', 'NYU Depth'],
  ['pytorch_launcher', undefined],
  ['roboflow_dataset/createml', 'CreateML'],
  ['roboflow_dataset/tfrecord', 'TFRecord'],
  ['sampler', undefined],
  ['segment_anything_dataset', 'Segment Anything'],
  ['sly_pointcloud_dataset', 'Supervisely'],
  ['synthia_dataset', 'SYNTHIA'],
  ['tabular_dataset', undefined],
  ['tf_detection_api_dataset', 'TFRecord'],
  ['vgg_face2_dataset', 'VGGFace2'],
  ['video_dataset', 'videos'],
  ['vott_json_dataset', 'VoTT'],
  ['widerface_dataset', 'WIDER FACE'],
]

describeWithData('sample data sets', 'dataset-formats', (root) => {
  test('each is in one of the lists', async () => {
    const entries = await readdir(root, { withFileTypes: true })
    const listed = new Set([...samples.map(({ path }) => path), ...foreign.map(([path]) => path)].map((path) => path.split('/')[0]))
    expect(entries.filter((entry) => entry.isDirectory() && !listed.has(entry.name)).map(({ name }) => name)).toEqual([])
  })

  test.each(foreign)('%s is not read, and named %s', async (path, name) => {
    const error = await readDataset(join(root, path)).then(
      () => undefined,
      (reason: FoveaError) => reason,
    )
    expect(error?.code).toBe(name === undefined ? 'DATASET_UNKNOWN_FORMAT' : 'DATASET_FOREIGN_FORMAT')
    if (name !== undefined) expect(error?.details.found).toContain(name)
  })

  describe.each(samples)('$path', (sample) => {
    test('is recognised, imported, and comes back from being written', async () => {
      const [first] = await detectFormat(join(root, sample.path))
      expect(first?.format).toBe(sample.format)
      const problems: DatasetProblem[] = []
      const set = await readDataset(join(root, sample.path), { onProblem: (problem) => problems.push(problem) })
      const sum = (count: (picture: (typeof set.pictures)[number]) => number) => set.pictures.reduce((total, one) => total + count(one), 0)
      expect({
        pictures: set.pictures.length,
        annotations: sum(({ annotations }) => annotations.length),
        labels: sum(({ labels }) => labels.length),
        captions: sum(({ captions }) => captions.length),
        splits: [...new Set(set.pictures.flatMap(({ split }) => split ?? []))].sort(),
        problems: Object.fromEntries([...Map.groupBy(problems, ({ code }) => code)].map(([code, list]) => [code, list.length])),
      }).toEqual({
        pictures: sample.pictures,
        annotations: sample.annotations,
        labels: sample.labels ?? 0,
        captions: sample.captions ?? 0,
        splits: sample.splits ?? [],
        problems: sample.problems ?? {},
      })
      const out = join(base, String(run++))
      const { losses } = await writeDataset(set, out, { format: sample.format })
      expect(losses.map(({ what }) => what).filter((what) => !what.startsWith('name of a picture'))).toEqual(sample.loses ?? [])
      if (sample.loses !== undefined) return
      const back = await readDataset(out, { format: sample.format, onProblem: () => {} })
      // Sizes that a file did not state are written all the same.
      const unsized = set.pictures.some(({ width }) => width === undefined)
      const compared = (one: LabelledSet) =>
        canonical(unsized ? { ...one, pictures: one.pictures.map(({ width: _, height: __, ...rest }) => rest) } : one)
      expect(compared(back)).toEqual(compared(set))
      // To the last bit, with ids and the order of classes.
      expect(back.classes).toEqual(set.classes)
      expect(exact(back, unsized)).toEqual(exact(set, unsized))
    })
  })
})

describeWithData('blood cells', 'bccd', (root) => {
  test('4,888 boxes in 364 pictures, of which two have no size', async () => {
    const problems: DatasetProblem[] = []
    const set = await readDataset(root, { onProblem: (problem) => problems.push(problem) })
    expect(set.classes.map(({ name }) => name)).toEqual(['Platelets', 'RBC', 'WBC'])
    expect(set.pictures.reduce((sum, { annotations }) => sum + annotations.length, 0)).toBe(4888)
    expect(Object.fromEntries([...Map.groupBy(set.pictures, ({ split }) => split)].map(([split, list]) => [split, list.length]))).toEqual({
      train: 205,
      val: 87,
      test: 72,
    })
    expect(problems.map(({ code, file, detail }) => [code, file, detail])).toEqual([
      ['zero-size-box', 'val/BloodImage_00338.jpg', 'annotation 12: 503 336 503 336'],
      ['zero-size-box', 'train/BloodImage_00343.jpg', 'annotation 3: 180 328 180 328'],
    ])
  })
})

describeWithData('steel surfaces', 'neu-det', (root) => {
  test('4,126 boxes and 63 for validation', async () => {
    const { classes, pictures } = await readDataset(root)
    const boxes = (split: string | undefined) =>
      pictures.filter((picture) => picture.split === split).reduce((sum, { annotations }) => sum + annotations.length, 0)
    expect([classes.length, pictures.length, boxes(undefined), boxes('val')]).toEqual([6, 1800, 4126, 63])
  })
})
