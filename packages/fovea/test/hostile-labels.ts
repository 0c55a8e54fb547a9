// Hostile label files: small changes of sound ones, and files that are made to hurt.

import type { Random } from '../src/util/random.ts'

/** One small change, as hands, disks and attackers make them. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.integer(0, bytes.length + 1)
  const end = Math.min(bytes.length, at + random.integer(1, 40))
  const join = (...parts: (Uint8Array | string)[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const strange = [
    '1e999',
    '-5',
    'NaN',
    '"',
    '<',
    '</',
    '{',
    '[',
    'null',
    '../../x',
    '\0',
    '\ufffd',
    '&lol;',
    '99999999999999999999',
    '<!DOCTYPE a>',
    ': !!x',
    ',,',
  ]
  switch (random.integer(0, 6)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return join(bytes.subarray(0, at), bytes.subarray(end))
    case 2:
      return join(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end))
    case 3:
      return join(bytes.subarray(0, at), random.pick(strange), bytes.subarray(at))
    case 4:
      return join(bytes.subarray(0, at), random.pick(strange), bytes.subarray(end))
    default: {
      const copy = Uint8Array.from(bytes)
      for (let i = 0; i < 4 && copy.length > 0; i++) copy[random.integer(0, copy.length)] = random.integer(0, 256)
      return copy
    }
  }
}

/** A file that was made to hurt, for one format; the pictures a.png and images/a.png of 24 x 16 are there. */
export interface Bomb {
  readonly name: string
  readonly format: string
  readonly files: Readonly<Record<string, string>>
}

const many = 200_000
const deep = 50_000

function coco(annotations: string, more = ''): Readonly<Record<string, string>> {
  return {
    'annotations/instances_train.json': `{${more}"images":[{"id":1,"file_name":"a.png","width":24,"height":16}],"categories":[{"id":1,"name":"x"}],"annotations":[${annotations}]}`,
  }
}

const cocoBox = '"image_id":1,"category_id":1,"bbox":[1,1,4,4]'
const laughs = `<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY a "ha">${Array.from({ length: 9 }, (_, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`).join('')}]><annotation><filename>&j;</filename></annotation>`
const vocObject = (box: string) =>
  `<annotation><filename>a.png</filename><size><width>24</width><height>16</height></size><object><name>x</name><bndbox>${box}</bndbox></object></annotation>`
const cvat = (shapes: string, size = 'width="24" height="16"') =>
  `<annotations><version>1.1</version><image id="0" name="a.png" ${size}>${shapes}</image></annotations>`
const yolo = (lines: string, names = '[x]'): Readonly<Record<string, string>> => ({
  'data.yaml': `names: ${names}\n`,
  'labels/a.txt': lines,
})
const task = (result: string) => `[{"data":{"image":"images/a.png","width":24,"height":16},"annotations":[{"result":[${result}]}]}]`
const labelme = (shapes: string, more = '') => `{"imagePath":"a.png","imageWidth":24,"imageHeight":16,${more}"shapes":[${shapes}]}`

/** Made when asked for, since some are large. */
export function* bombs(): Iterable<Bomb> {
  yield { name: 'a billion laughs', format: 'voc', files: { 'a.xml': laughs } }
  yield { name: 'a billion laughs', format: 'cvat', files: { 'a.xml': laughs.replaceAll('annotation', 'annotations') } }
  yield {
    name: 'an entity that is a file',
    format: 'voc',
    files: { 'a.xml': '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>' },
  }
  yield { name: 'deep elements', format: 'cvat', files: { 'a.xml': '<annotations>'.repeat(deep) } }
  yield {
    name: 'many elements',
    format: 'cvat',
    files: { 'a.xml': cvat('<box label="x" xtl="1" ytl="1" xbr="2" ybr="2"/>'.repeat(many / 4)) },
  }
  yield {
    name: 'many attributes',
    format: 'voc',
    files: { 'a.xml': `<annotation ${Array.from({ length: many / 4 }, (_, i) => `a${i}="1"`).join(' ')}/>` },
  }
  yield {
    name: 'many classes',
    format: 'cvat',
    files: { 'a.xml': cvat(Array.from({ length: many / 8 }, (_, i) => `<box label="c${i}" xtl="1" ytl="1" xbr="2" ybr="2"/>`).join('')) },
  }
  yield {
    name: 'a mask beyond memory',
    format: 'cvat',
    files: {
      'a.xml': cvat(
        '<mask label="x" rle="0, 9000000000" left="0" top="0" width="100000" height="90000"/>',
        'width="100000" height="90000"',
      ),
    },
  }
  yield {
    name: 'a mask with endless runs',
    format: 'cvat',
    files: { 'a.xml': cvat(`<mask label="x" rle="${'0, '.repeat(many)}1" left="0" top="0" width="1" height="1"/>`) },
  }
  yield {
    name: 'a long track',
    format: 'cvat',
    files: {
      'a.xml':
        '<annotations><meta><task><size>1</size><start_frame>0</start_frame><stop_frame>999998</stop_frame></task></meta><track id="0" label="x"><box frame="0" xtl="1" ytl="1" xbr="2" ybr="2"/><box frame="10" xtl="1" ytl="1" xbr="2" ybr="2"/></track></annotations>',
    },
  }
  yield {
    name: 'endless tracks',
    format: 'cvat',
    files: {
      'a.xml': `<annotations><meta><task><size>1</size><start_frame>0</start_frame><stop_frame>99999</stop_frame></task></meta>${'<track id="0" label="x"><box frame="0" xtl="1" ytl="1" xbr="2" ybr="2"/><box frame="99999" xtl="1" ytl="1" xbr="2" ybr="2"/></track>'.repeat(1000)}</annotations>`,
    },
  }
  yield {
    name: 'huge numbers',
    format: 'voc',
    files: { 'a.xml': vocObject('<xmin>1e308</xmin><ymin>-1e308</ymin><xmax>1e309</xmax><ymax>NaN</ymax>') },
  }
  yield { name: 'deep lists', format: 'coco', files: coco(`{"id":1,${cocoBox},"attributes":${'['.repeat(deep)}${']'.repeat(deep)}}`) }
  yield { name: 'deep lists that are passed over', format: 'coco', files: coco('', `"info":${'['.repeat(deep)}${']'.repeat(deep)},`) }
  yield {
    name: 'one id for all',
    format: 'coco',
    files: coco(Array.from({ length: many / 4 }, (_, i) => `{"id":7,${cocoBox.replace('1,4,4', `1,4,${i}`)}}`).join()),
  }
  yield {
    name: 'one picture for all',
    format: 'coco',
    files: coco(Array.from({ length: many / 4 }, (_, i) => `{"id":${i},${cocoBox}}`).join()),
  }
  yield {
    name: 'keys of prototypes',
    format: 'coco',
    files: coco(
      `{"id":1,${cocoBox},"__proto__":{"label":5},"attributes":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}`,
      '"__proto__":{"polluted":1},',
    ),
  }
  yield {
    name: 'run lengths beyond all measure',
    format: 'coco',
    files: coco(`{"id":1,"image_id":1,"category_id":1,"segmentation":{"size":[1000000,1000000],"counts":[0,1000000000000]}}`),
  }
  yield {
    name: 'compressed run lengths without end',
    format: 'coco',
    files: coco(`{"id":1,"image_id":1,"category_id":1,"segmentation":{"size":[16,24],"counts":"${'o'.repeat(many)}"}}`),
  }
  yield {
    name: 'a path that leads out',
    format: 'coco',
    files: { 'a.json': '{"images":[{"id":1,"file_name":"../../../../../../etc/passwd"}],"annotations":[],"categories":[]}' },
  }
  yield {
    name: 'a segment picture elsewhere',
    format: 'coco-panoptic',
    files: {
      'panoptic.json':
        '{"images":[{"id":1,"file_name":"a.png","width":24,"height":16}],"categories":[{"id":1,"name":"x"}],"annotations":[{"image_id":1,"file_name":"../../x.png","segments_info":[{"id":1,"category_id":1}]}]}',
    },
  }
  yield {
    name: 'ids beyond colours',
    format: 'coco-panoptic',
    files: {
      'panoptic.json':
        '{"images":[{"id":1,"file_name":"a.png","width":24,"height":16}],"categories":[{"id":1,"name":"x"}],"annotations":[{"image_id":1,"file_name":"a.png","segments_info":[{"id":1e300,"category_id":1},{"id":-1,"category_id":1}]}]}',
    },
  }
  yield {
    name: 'aliases of aliases',
    format: 'yolo',
    files: yolo('', `&a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]`),
  }
  yield { name: 'deep YAML', format: 'yolo', files: yolo('', `${'['.repeat(deep / 10)}${']'.repeat(deep / 10)}`) }
  yield { name: 'a class of a far number', format: 'yolo', files: yolo('0 0.5 0.5 0.1 0.1\n', '{99999999999: x}') }
  yield { name: 'classes of prototypes', format: 'yolo', files: yolo('0 0.5 0.5 0.1 0.1\n', '{0: __proto__, 1: constructor}') }
  yield { name: 'a line without end', format: 'yolo', files: yolo(`0 ${'0.1 '.repeat(many)}`) }
  yield { name: 'many lines', format: 'yolo', files: yolo('0 0.5 0.5 0.1 0.1\n'.repeat(many / 2)) }
  yield { name: 'many broken lines', format: 'yolo', files: yolo('x\n'.repeat(many / 4)) }
  yield {
    name: 'splits elsewhere',
    format: 'yolo',
    files: { ...yolo('0 0.5 0.5 0.1 0.1\n'), 'data.yaml': 'names: [x]\npath: ../../../../etc\ntrain: ../../../../etc/passwd\nval: /etc\n' },
  }
  yield {
    name: 'keypoints without end',
    format: 'yolo-pose',
    files: { 'data.yaml': 'names: [x]\nkpt_shape: [10000, 3]\n', 'labels/a.txt': `0 0.5 0.5 0.1 0.1 ${'0.1 0.1 2 '.repeat(10_000)}\n` },
  }
  yield { name: 'corners that are no numbers', format: 'dota', files: { 'labelTxt/a.txt': '1e999 NaN Infinity 0x10 1 1 1 1 x 0\n' } }
  yield { name: 'many lines', format: 'dota', files: { 'labelTxt/a.txt': '1 1 5 1 5 5 1 5 x 0\n'.repeat(many / 2) } }
  yield { name: 'a quote that never ends', format: 'csv', files: { 'labels.csv': `image,label\na.png,"${'x'.repeat(many)}` } }
  yield { name: 'many columns', format: 'csv', files: { 'labels.csv': `image,${'c,'.repeat(many / 4)}\na.png,${'1,'.repeat(many / 4)}\n` } }
  yield { name: 'columns of prototypes', format: 'csv', files: { 'labels.csv': 'image,__proto__,constructor,toString\na.png,1,0,1\n' } }
  yield {
    name: 'a path that leads out',
    format: 'csv',
    files: { 'labels.csv': 'image,label\n..\\..\\..\\etc\\passwd,x\n/etc/passwd,y\nC:/x.png,z\n' },
  }
  yield {
    name: 'an outline without end',
    format: 'labelme',
    files: {
      'a.json': labelme(
        `{"label":"x","shape_type":"polygon","points":[${Array.from({ length: many / 4 }, (_, i) => `[${i % 24},${i % 16}]`).join()}]}`,
      ),
    },
  }
  yield {
    name: 'one group for all',
    format: 'labelme',
    files: {
      'a.json': labelme(
        Array.from({ length: 20_000 }, () => '{"label":"x","group_id":1,"shape_type":"polygon","points":[[1,1],[2,1],[2,2]]}').join(),
      ),
    },
  }
  yield {
    name: 'a mask that is no picture',
    format: 'labelme',
    files: { 'a.json': labelme('{"label":"x","shape_type":"mask","points":[[0,0],[1,1]],"mask":"AAAA"}') },
  }
  yield { name: 'deep lists', format: 'labelme', files: { 'a.json': labelme('', `"flags":${'['.repeat(deep)}${']'.repeat(deep)},`) } }
  yield {
    name: 'one group for all',
    format: 'label-studio',
    files: {
      'a.json': task(
        Array.from(
          { length: 20_000 },
          () => '{"id":"a","type":"polygonlabels","value":{"points":[[1,1],[2,1],[2,2]],"polygonlabels":["x"]}}',
        ).join(),
      ),
    },
  }
  yield {
    name: 'a brush beyond memory',
    format: 'label-studio',
    files: {
      'a.json': task(
        '{"id":"a","type":"brushlabels","original_width":11000,"original_height":11000,"value":{"format":"rle","rle":[28,217,97,0,57,27,248],"brushlabels":["x"]}}',
      ),
    },
  }
  yield {
    name: 'prototypes',
    format: 'label-studio',
    files: { 'a.json': task('{"id":"__proto__","parentID":"constructor","type":"__proto__","value":{"__proto__":null}}') },
  }
  yield {
    name: 'a picture elsewhere',
    format: 'label-studio',
    files: { 'a.json': '[{"data":{"image":"/data/local-files/?d=..%2F..%2Fetc%2Fpasswd"},"annotations":[{"result":[]}]}]' },
  }
  yield {
    name: 'a mask elsewhere',
    format: 'open-images',
    files: {
      'annotations/images-with-rotation.csv': 'ImageID,Subset\na,\n',
      'annotations/annotations-object-segmentation.csv': 'MaskPath,ImageID,LabelName\n../../../x.png,a,/m/0\n',
    },
  }
  yield {
    name: 'many boxes',
    format: 'open-images',
    files: { 'annotations/annotations-bbox.csv': `ImageID,LabelName,XMin,XMax,YMin,YMax\n${'a,/m/0,0,1,0,1\n'.repeat(many / 4)}` },
  }
  yield {
    name: 'a map of classes without end',
    format: 'mask-folder',
    files: { 'labelmap.txt': `# label:color_rgb:parts:actions\n${'x:0,0,0::\n'.repeat(many / 4)}` },
  }
}
