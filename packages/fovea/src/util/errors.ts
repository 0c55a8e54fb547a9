// Every error Fovea throws: one catalogue of codes, one class.

import { printable } from './clip.ts'

/** Where an error was found. Every part is optional; those given are printed. */
export interface ErrorPlace {
  file?: string
  node?: string
  field?: string
}

export interface ErrorDetails extends ErrorPlace {
  /** What would have been right. */
  expected?: string
  /** What was there instead. */
  found?: string
  /** Replaces the catalogue's remedy where the place knows a better one. */
  remedy?: string
  cause?: unknown
}

interface CatalogueEntry {
  /** What is wrong, in one clause without a full stop. */
  readonly message: string
  /** What the user can do about it, as a sentence. */
  readonly remedy: string
}

/** The catalogue. `docs/errors.md` is held equal to it by a test: run `npm run docs` after a change. */
export const errorCatalogue = {
  // everywhere
  CANCELLED: { message: 'The work was cancelled', remedy: 'Start it again; what was finished is kept where it can be resumed.' },
  // graph
  GRAPH_DUPLICATE_NAME: { message: 'A name is defined twice', remedy: 'Rename one of the two; every value of a graph has one producer.' },
  GRAPH_DANGLING_NAME: {
    message: 'A value is used that nothing produces',
    remedy: 'Add the node, input or initializer that should produce it.',
  },
  GRAPH_NOT_SORTED: { message: 'A value is used before the node that produces it', remedy: 'Sort the nodes topologically.' },
  GRAPH_TYPE_MISMATCH: { message: 'A value has the wrong type', remedy: 'Insert a Cast or mend the producing node.' },
  GRAPH_OPSET_MISSING: {
    message: 'A node uses an operator domain that the model does not import',
    remedy: 'Add the domain to the opset imports.',
  },
  GRAPH_INVALID: { message: 'The graph is not well formed', remedy: 'Mend the named node or export the model again.' },
  GRAPH_TEXT_SYNTAX: { message: 'The graph text cannot be read', remedy: 'Compare the line with the output of printModel().' },
  ONNX_MALFORMED: {
    message: 'The file is not a readable ONNX model',
    remedy: 'Check that the download or export was complete, then try again.',
  },
  ONNX_TOO_LARGE: {
    message: 'The model is larger than this reader allows',
    remedy: 'Store large weights as external data, or raise the stated limit.',
  },
  ONNX_UNSUPPORTED: {
    message: 'The model uses a part of ONNX that Fovea does not read',
    remedy: 'Export it again with a common opset (13 to 25).',
  },
  ONNX_EXTERNAL_DATA: {
    message: 'External tensor data cannot be read',
    remedy: 'Keep the data file in the folder of the model and open the model by its path.',
  },
  TENSOR_INVALID: {
    message: 'A tensor does not hold what its type and shape promise',
    remedy: 'Check data type, shape and number of values.',
  },
  // ops and passes
  OP_UNKNOWN: { message: 'The operator is not in the table', remedy: 'Add it to src/ops or replace the node by supported operators.' },
  OP_INVALID: {
    message: 'The operator cannot take these inputs or attributes',
    remedy: 'Check the shapes and attributes of the named node.',
  },
  OP_NOT_DIFFERENTIABLE: {
    message: 'A gradient would have to pass through an operator that has none',
    remedy: 'Freeze what lies before it, or replace the operator.',
  },
  SHAPE_UNKNOWN: {
    message: 'A shape must be known here and is not',
    remedy: 'Export the model with fixed picture sizes and a free batch; `fovea inspect` shows the sizes that it has.',
  },
  OPSET_UNSUPPORTED: {
    message: 'A node of an older opset has no equal form in newer ones',
    remedy: 'Export the model again with opset 13 or later, or replace the node.',
  },
  AUTODIFF_TARGET: { message: 'This value cannot be differentiated', remedy: 'Name a scalar loss, and parameters that it depends on.' },
  // nn
  NN_UNKNOWN_ARCHITECTURE: {
    message: 'There is no architecture of this name',
    remedy: 'Take a name of the table; architectureNames() and `fovea inspect --list` print them.',
  },
  NN_OPTION_INVALID: { message: 'An option of a layer, loss, optimizer or schedule is not valid', remedy: 'Mend the named field.' },
  // vision
  IMAGE_INVALID: { message: 'The image is not well formed', remedy: 'Check width, height, channels and the number of bytes.' },
  PREPROCESSING_INVALID: {
    message: 'The preprocessing of the model is not valid',
    remedy: 'Mend the named field; docs/model-file.md lists them.',
  },
  MASK_INVALID: {
    message: 'The mask is not well formed',
    remedy: 'Check its size, and that its runs fill the picture; or make it anew from pixels or outlines.',
  },
  METRIC_INVALID: {
    message: 'The metric was given values that do not fit together',
    remedy: 'Mend the named field: lists of equal length, labels below the number of classes, scores that are numbers.',
  },
  TRACKING_INVALID: {
    message: 'The tracker, line or zone was given values that do not fit',
    remedy: 'Mend the named field: scores and shares from 0 to 1, times that do not fall, detections that went through a Tracker.',
  },
  DRAWING_INVALID: { message: 'The picture cannot be drawn from these values', remedy: 'Give finite numbers, and lists of equal length.' },
  // data
  DATA_FILE_NOT_FOUND: { message: 'The file does not exist or may not be read', remedy: 'Check the path and its permissions.' },
  DATA_EMPTY_FILE: { message: 'The file is empty', remedy: 'Copy it again from its source, or delete it.' },
  DATA_TRUNCATED: { message: 'The image ends too early', remedy: 'The copy was cut off: fetch the file again, or delete it.' },
  DATA_UNREADABLE_IMAGE: { message: 'The image cannot be decoded', remedy: 'Open it in a viewer and save it again, or delete it.' },
  DATA_UNSUPPORTED_FORMAT: { message: 'The file is not an image of a known format', remedy: 'Convert it to PNG or JPEG.' },
  DATA_IMAGE_TOO_LARGE: {
    message: 'The image has more pixels than allowed',
    remedy: 'Scale it down, or raise maxPixels if you trust the file.',
  },
  DATA_TOO_MANY_BYTES: {
    message: 'The source gives more bytes than allowed',
    remedy: 'Give a smaller file, or raise fetch.maxBytes if you trust it.',
  },
  DATA_NO_SUCH_PAGE: { message: 'The file holds no picture of this number', remedy: 'Pages and frames count from 0.' },
  DATA_NO_PIXELS: {
    message: 'The DICOM file holds no picture',
    remedy: 'Leave it out: reports, plans, waveforms and directories have no pixels.',
  },
  DATA_TRANSFER_SYNTAX: {
    message: 'The DICOM file is compressed in a way that Fovea does not unpack',
    remedy: 'Unpack it first: `gdcmconv --raw in.dcm out.dcm`, or dcmdjpeg, dcmdjpls, dcmdrle of DCMTK.',
  },
  DATA_ADDRESS_REFUSED: {
    message: 'The address is private or special, and nothing was fetched from it',
    remedy: 'Pass fetch: { allowPrivate: true } where you chose the address yourself.',
  },
  DATA_FETCH_FAILED: { message: 'The image could not be fetched', remedy: 'Check the address and the connection.' },
  DATA_NOT_A_FOLDER: { message: 'The data set is not a folder', remedy: 'Give the folder that holds one folder of images per class.' },
  DATA_NO_IMAGES: { message: 'No images were found', remedy: 'Put the images of each class into a folder of its own: data/<class>/*.jpg.' },
  DATA_EMPTY_CLASS: { message: 'A class folder holds no images', remedy: 'Add images of this class, or delete its folder.' },
  DATA_ONE_CLASS: {
    message: 'The data set has a single class',
    remedy: 'A classifier needs at least two: add a folder with images of another class.',
  },
  DATA_TOO_FEW: {
    message: 'A class has too few images to be split',
    remedy: 'Give each class at least two images, or put them into train and val folders.',
  },
  DATA_CLASS_RULE: {
    message: 'The class of a file cannot be told from its name',
    remedy: 'Check the rule: its first group, or its result, must be the class.',
  },
  DATA_OPTION_INVALID: { message: 'An option of the data loader is not valid', remedy: 'Mend the named field.' },
  DATA_TRANSFORM_INVALID: { message: 'The image transform is not valid', remedy: 'Build it with the functions of transforms.' },
  DATASET_UNKNOWN_FORMAT: {
    message: 'The format of the data set cannot be told',
    remedy: 'Name it with --format or the option format; `fovea data formats` lists them.',
  },
  DATASET_FOREIGN_FORMAT: {
    message: 'The data set is of a format that Fovea does not read',
    remedy: 'Convert it with the tool that made it, or name a format that fits with --format; `fovea data formats` lists them.',
  },
  DATASET_MALFORMED: {
    message: 'A file of the data set is not well formed',
    remedy: 'Mend the named file; `fovea data validate` lists everything that is wrong with a data set.',
  },
  DATASET_UNSUPPORTED: {
    message: 'The data set uses a part of its format that Fovea does not read',
    remedy: 'Export it again in another format; `fovea data formats` lists what each can hold.',
  },
  DATASET_PATH: {
    message: 'A path inside the data set leads out of its folder',
    remedy: 'Give the folder that holds both the pictures and their labels, and mend the path.',
  },
  DATASET_TOO_LARGE: {
    message: 'A file of the data set is larger or deeper than this reader allows',
    remedy: 'Part the data set into several; a label file of an ordinary data set is far smaller.',
  },
  DATASET_EXISTS: {
    message: 'The folder to write the data set to is not empty',
    remedy: 'Name a new folder, or empty this one first.',
  },
  DATASET_INDEX_INVALID: {
    message: 'The file is no index of a data set, or is damaged',
    remedy: 'Write it again with `fovea data index`.',
  },
  DATASET_INDEX_OUTDATED: {
    message: 'The data set was changed after it was indexed',
    remedy: 'Index it again with `fovea data index`, or open it without the check.',
  },
  DATASET_SPLIT: {
    message: 'The data set cannot be split this way',
    remedy: 'Give parts above 0 that add up to at most 1, and at least as many groups as parts.',
  },
  NUMPY_MALFORMED: {
    message: 'The arrays cannot be read or written as .npy or .npz',
    remedy: 'Check that the file is complete and holds plain arrays of numbers or text.',
  },
  DATA_WORKER_CRASHED: {
    message: 'A data worker ended unexpectedly',
    remedy: 'Try again with workers: 0 to see the cause; one of the named files may be hostile.',
  },
  // data: video and cameras
  FFMPEG_MISSING: {
    message: 'The program ffmpeg, which video and cameras need, cannot be run',
    remedy: 'Install it (apt-get install ffmpeg, brew install ffmpeg, winget install ffmpeg), or name it in FOVEA_FFMPEG.',
  },
  FFMPEG_FAILED: { message: 'The program ffmpeg ended with an error', remedy: 'The text after "found" is what ffmpeg said last.' },
  VIDEO_UNREADABLE: {
    message: 'The video cannot be read',
    remedy: 'Play it in a viewer; if it plays there, convert it to MP4, else fetch it again.',
  },
  VIDEO_OPTION: { message: 'An option of the video work is not valid', remedy: 'Mend the named field.' },
  SOURCE_UNKNOWN: {
    message: 'This is no source of frames that Fovea knows',
    remedy: 'Give a folder, a video file, rtsp://, http:// with MJPEG or a picture, /dev/videoN, - or testpattern://.',
  },
  SOURCE_OPTION: { message: 'An option of the source is not valid', remedy: 'Mend the named field.' },
  SOURCE_FAILED: {
    message: 'The camera or stream cannot be read',
    remedy: 'Check address, network and power; leave the option reconnect as it is to wait for it.',
  },
  SOURCE_DENIED: {
    message: 'The camera refuses access',
    remedy: 'Put user and password into the address: rtsp://user:password@host/path, with special letters in percent code.',
  },
  SOURCE_USED: { message: 'The source has been iterated already', remedy: 'Open it again with openSource().' },
  OPENCV_ARGUMENT: {
    message: 'An argument of an OpenCV function does not fit',
    remedy: 'Mend the named field; docs/opencv.md lists the functions and what they take.',
  },
  OPENCV_IMAGE: {
    message: 'The picture does not fit the OpenCV function',
    remedy: 'Give a picture of the size and channels that the function takes; docs/opencv.md lists them.',
  },
  OPENCV_UNKNOWN: { message: 'OpenCV has no such function or constant here', remedy: 'Take a name of the list in docs/opencv.md.' },
  OPENCV_FAILED: {
    message: 'OpenCV refused to do the named step',
    remedy: 'The text after "found" is what OpenCV said: check the values that go into this step.',
  },
  OPENCV_MEMORY: {
    message: 'OpenCV ran out of memory, of which it has 1 GiB a thread',
    remedy: 'Scale the picture down or work on parts of it. The thread was replaced; later calls are not affected.',
  },
  OPENCV_WORKER_DIED: {
    message: 'The thread of OpenCV ended unexpectedly',
    remedy: 'Call again: a new thread is started. If it happens again with the same picture, report the step and the text after "found".',
  },
  OPENCV_STATE_LOST: {
    message: 'What was learnt from earlier frames is gone',
    remedy: 'Make a new background subtractor and feed it from the first frame on.',
  },
  // runtime
  RUNTIME_OPTION: { message: 'An option of the session is not valid', remedy: 'Mend the named field.' },
  RUNTIME_UNKNOWN_DEVICE: { message: 'The device name is not known', remedy: 'Write cpu, webgpu, cuda:N or tensorrt:N.' },
  RUNTIME_DEVICE_UNAVAILABLE: {
    message: 'This machine cannot run models on that device',
    remedy: 'Run `fovea doctor` to see what it has, or use the device cpu.',
  },
  RUNTIME_LOAD_FAILED: {
    message: 'ONNX Runtime cannot load the model',
    remedy: 'Run `fovea inspect` on the file; the text after "found" says what the runtime refused.',
  },
  RUNTIME_RUN_FAILED: {
    message: 'ONNX Runtime failed while running the model',
    remedy: 'Check the shapes of the inputs; the text after "found" is what the runtime said.',
  },
  RUNTIME_FEED: {
    message: 'An input of the model is missing or does not fit',
    remedy: 'Feed the named input with the expected type and shape.',
  },
  RUNTIME_CLOSED: { message: 'The session is closed', remedy: 'Open it again, or close it only after the last run.' },
  RUNTIME_WORKER_DIED: {
    message: 'The worker thread of a session ended unexpectedly',
    remedy: 'Open the session again; if it happens again the machine may be out of memory.',
  },
  RUNTIME_BUDGET: {
    message: 'The memory budget of sessions is not valid',
    remedy: 'Write FOVEA_MEMORY_BUDGET as bytes or with a unit, such as 2GiB, or leave it out.',
  },
  RUNTIME_MODEL_CHANGED: {
    message: 'The model in memory was changed after it was loaded',
    remedy: 'Load it again after a change, or load it with share: false.',
  },
  // model
  SAFETENSORS_MALFORMED: {
    message: 'The file is not readable as safetensors',
    remedy: 'Check that the file is complete, or write it again.',
  },
  SAFETENSORS_UNSUPPORTED: {
    message: 'The tensor has an element type that Fovea does not read',
    remedy: 'Read the other tensors of the file, or convert this one to float32 or float16 with the tool that wrote it.',
  },
  WEIGHTS_MISMATCH: {
    message: 'The weights do not fit the network',
    remedy: 'Name the architecture that the weights were trained as, or export the model to ONNX with the tool that made it.',
  },
  WEIGHTS_ARCHITECTURE: {
    message: 'It cannot be told which network the weights belong to',
    remedy:
      'Name the architecture (the option architecture of load(); `fovea inspect --list` prints the names), or export the model to ONNX with the tool that made it and load that.',
  },
  WEIGHTS_CONFIG: {
    message: 'The config.json beside the weights is wrong',
    remedy: 'Mend the named field, or take the file away and name the architecture.',
  },
  MODEL_METADATA: {
    message: 'The metadata of the model file is missing or wrong',
    remedy: 'Save the model again with Fovea, or give the options by hand (see docs/model-file.md).',
  },
  MODEL_LABELS: {
    message: 'The class names do not fit the model',
    remedy: 'Give one name for each class, in the order of the scores; `fovea inspect` shows how many scores the model has.',
  },
  MODEL_NO_CLASS: { message: 'The model has no class of this name', remedy: 'Take one of its labels; `fovea inspect` lists them.' },
  MODEL_OPTION: {
    message: 'An option of the model is not valid, or cannot take effect on it',
    remedy: 'Mend the named field, or leave it out.',
  },
  MODEL_SCORES: {
    message: 'The model gives scores that are not finite numbers',
    remedy: 'Its weights are damaged, or its training diverged: load an earlier checkpoint, or train it again with a lower learning rate.',
  },
  MODEL_VERSION: {
    message: 'The model file needs another version of Fovea',
    remedy: 'Install a version of fovea in the range that the file asks for, or train the model again.',
  },
  MODEL_NOT_FOUND: {
    message: 'There is no such model',
    remedy: 'Give the path of an .onnx file, or a name that `fovea inspect --list` prints.',
  },
  MODEL_NOT_CLASSIFIER: {
    message: 'The model cannot be used as a classifier of pictures',
    remedy: 'Use a model with one picture input and one score per class; `fovea inspect` shows what this one has.',
  },
  MODEL_NOT_DETECTOR: {
    message: 'The model cannot be used as a detector',
    remedy:
      'Name the form of its answers with the option detector (--detector): ultralytics, yolov5, yolox, end-to-end, fastestdet, rt-detr, ultralytics-rt-detr or detr; `fovea inspect` shows its outputs.',
  },
  MODEL_NOT_VISION: {
    message: 'The model cannot be fed with pictures alone',
    remedy: 'Use a model whose one input is a picture; `fovea inspect` shows the inputs that this one has.',
  },
  MODEL_LAYER: {
    message: 'This layer cannot be taken from the model',
    remedy: 'Name a stage, as `fovea inspect` lists them, or a value of the graph, as `fovea inspect --full` does.',
  },
  MODEL_NO_WEIGHTS: {
    message: 'No weights are shipped for this architecture',
    remedy: 'Train it, or load weights from a file, a folder or hf:owner/name.',
  },
  MODEL_NO_HEAD: {
    message: 'The model has no head that answers: it gives features',
    remedy:
      'Train one on your pictures with `fovea train PHOTOS --model MODEL`, or look at its features with extractFeatures() and `fovea features`.',
  },
  MODEL_TASK: {
    message: 'The model answers another question',
    remedy: 'Load a model that was trained for this task; `fovea inspect MODEL` tells what a file is for.',
  },
  MODEL_NO_LEVELS: {
    message: 'The model has no maps that a head could look at',
    remedy: 'Begin from a backbone with maps at several sizes, such as deepseek-vision-tiny or a ResNet.',
  },
  MODEL_HEADS: {
    message: 'The heads do not go together',
    remedy: 'Give at least one head, and each a name of its own.',
  },
  MODEL_FREEZE: {
    message: 'The model cannot be frozen that way',
    remedy: 'Write none, head, blocks:N, or the name of a stage; `fovea inspect` lists stages and blocks.',
  },
  // hub
  HUB_REFERENCE: {
    message: 'A model of the hub is not named well',
    remedy: 'Write hf:owner/name, hf:owner/name@revision, or either with a file: hf:owner/name/onnx/model.onnx.',
  },
  HUB_OFFLINE: {
    message: 'The model is not in the cache, and the network may not be used',
    remedy: 'Load it once with a network, or take FOVEA_OFFLINE, HF_HUB_OFFLINE or the option offline away.',
  },
  HUB_DENIED: {
    message: 'The hub does not give the model out',
    remedy: 'Check the name; for a private or gated model accept its terms on the hub and put a token into HF_TOKEN.',
  },
  HUB_NOT_FOUND: { message: 'The hub does not have the model or the file', remedy: 'Check owner, name and revision on the hub.' },
  HUB_NO_MODEL: {
    message: 'The repository holds no model that Fovea reads',
    remedy: 'Take a repository with safetensors or ONNX files, or export the model to ONNX and load the file.',
  },
  HUB_LISTING: { message: 'The answer of the hub is not understood', remedy: 'Check HF_ENDPOINT, and try again later.' },
  HUB_CHECKSUM: {
    message: 'A downloaded file is not what the hub says it is',
    remedy: 'Load it again: the file was removed. If it happens again, something between you and the hub changes the data.',
  },
  HUB_TOO_LARGE: { message: 'A file of the hub is larger than allowed', remedy: 'Raise maxFileBytes if you have the space.' },
  HUB_FAILED: {
    message: 'The hub cannot be reached or did not answer as it should',
    remedy: 'Check the connection (HF_ENDPOINT, proxy) and load again: what was fetched is kept.',
  },
  // files and training
  FILE_WRITE: { message: 'A file cannot be written', remedy: 'Check that the folder exists, may be written to, and has space left.' },
  CHECKPOINT_INVALID: { message: 'The checkpoint cannot be used', remedy: 'Train without --resume, or into another folder.' },
  TRAIN_OPTION: { message: 'A training option is out of range', remedy: 'Change the named option; `fovea train --help` lists them.' },
  TRAIN_EXISTS: {
    message: 'The folder holds a training already',
    remedy: 'Go on with it with --resume, train into another folder, or add --overwrite to lose it.',
  },
  TRAIN_DIVERGED: {
    message: 'The training diverged',
    remedy: 'Lower the learning rate (a third is a good first try), or look for broken labels.',
  },
  // evaluate
  EVALUATE_CLASSES: {
    message: 'The classes of the data are not those of the model',
    remedy: 'Rename the folders to the names that `fovea inspect` lists, or train the model on these classes.',
  },
  EVALUATE_METRIC: {
    message: 'The task has no metric of this name',
    remedy: 'Take one of the names listed, or leave `metrics` out for all.',
  },
  EVALUATE_TASK: { message: 'The evaluation is of another task', remedy: 'Take one of the tasks listed, or leave `task` out.' },
  EVALUATE_PREDICTION: {
    message: 'The model gave an answer that cannot be measured',
    remedy: 'Let `predict` return an object with `task` and the fields of that task (vision/predictions.ts).',
  },
  EVALUATE_TRUTH: { message: 'What is true of the picture is not known', remedy: 'Label the picture, or take it out of the data set.' },
  EVALUATE_COMPARE: {
    message: 'The two evaluations cannot be compared',
    remedy: 'Evaluate both models on the same pictures, with the same classes.',
  },
  EVALUATE_SWEEP: {
    message: 'Thresholds cannot be swept like this',
    remedy: 'Ask for f1, or for a recall, precision or miss rate from 0 to 1, of a model that gives scores.',
  },
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof errorCatalogue

/** An error with a stable code. `message` says what was expected and found, where, and what to do. */
export class FoveaError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}) {
    super(describe(code, details), { cause: details.cause })
    this.name = 'FoveaError'
    this.code = code
    this.details = details
  }
}

export function isFoveaError(error: unknown, code?: ErrorCode): error is FoveaError {
  return error instanceof FoveaError && (code === undefined || error.code === code)
}

function describe(code: ErrorCode, details: ErrorDetails): string {
  const { message, remedy } = errorCatalogue[code]
  const facts = [
    details.expected === undefined ? '' : `expected ${details.expected}`,
    details.found === undefined ? '' : `found ${details.found}`,
  ].filter(Boolean)
  const places = (['file', 'node', 'field'] as const).flatMap((key) => (details[key] === undefined ? [] : [`${key} "${details[key]}"`]))
  const fact = facts.length > 0 ? `: ${facts.join(', ')}` : ''
  const place = places.length > 0 ? ` (${places.join(', ')})` : ''
  return printable(`${message}${fact}${place}. ${details.remedy ?? remedy} [${code}]`)
}
