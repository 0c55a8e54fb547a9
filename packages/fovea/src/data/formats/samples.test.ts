// The formats against data sets that others made.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithData } from '../../../test/shared-data.ts'
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
  { path: 'image_dir_dataset', format: 'image-folder', pictures: 2, annotations: 0 },
  { path: 'kaggle_dataset/image_csv/ann.csv', format: 'csv', pictures: 5, annotations: 0, labels: 5 },
  { path: 'kaggle_dataset/image_csv/ann_wo_ext.csv', format: 'csv', pictures: 5, annotations: 0, labels: 5 },
  { path: 'kaggle_dataset/image_csv_det/ann.csv', format: 'csv', pictures: 3, annotations: 6 },
  { path: 'kaggle_dataset/image_csv_det/ann2.csv', format: 'csv', pictures: 3, annotations: 6 },
  { path: 'kaggle_dataset/image_csv_det/ann3.csv', format: 'csv', pictures: 3, annotations: 6 },
  { path: 'kaggle_dataset/image_csv_multi_label/ann.csv', format: 'csv', pictures: 6, annotations: 0, labels: 9 },
  { path: 'kaggle_dataset/image_csv_multi_label/ann_wo_ext.csv', format: 'csv', pictures: 6, annotations: 0, labels: 9 },
  { path: 'roboflow_dataset/multiclass', format: 'csv', pictures: 3, annotations: 0, labels: 4, splits },
  { path: 'vott_csv_dataset/dataset/train-export.csv', format: 'csv', pictures: 2, annotations: 3 },
  { path: 'vott_csv_dataset/dataset/test-export.csv', format: 'csv', pictures: 2, annotations: 2 },
]

describeWithData('sample data sets', 'dataset-formats', (root) => {
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
      expect(canonical(back)).toEqual(canonical(set))
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
