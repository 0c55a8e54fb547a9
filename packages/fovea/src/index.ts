// The public names of Fovea.

import { loadImage } from './data/decode.ts'
import { readDicom } from './data/dicom/read-dicom.ts'
import { writePng } from './data/encode.ts'
import { createCv } from './data/opencv/cv.ts'
import { openSource } from './data/video/open-source.ts'
import { ffmpeg } from './data/video/tools.ts'
import { preprocessImage } from './vision/resize.ts'

/** Pictures and frames: reading, writing, preprocessing, cameras and videos, OpenCV. */
export const vision = { loadImage, readDicom, writePng, preprocessImage, openSource, ffmpeg, cv: createCv() } as const

export type { Collate, Padding } from './data/collate.ts'
export type { ImageDataset, Sample } from './data/dataset.ts'
export type { DecodeOptions, LoadImageOptions } from './data/decode.ts'
export type { DicomAttributes, DicomIdentity } from './data/dicom/attributes.ts'
export type { DicomPixels, ReadDicomOptions } from './data/dicom/read-dicom.ts'
export type { DicomWindow, WindowChoice } from './data/dicom/window.ts'
export type { DiskCacheOptions } from './data/disk-cache.ts'
export { drawAlike } from './data/draw-alike.ts'
export { type DrawDetectionsOptions, drawDetections } from './data/draw-detections.ts'
export { drawTransforms, layOutTransforms, type TransformSheetCell, type TransformSheetOptions } from './data/draw-transform.ts'
export type { FetchOptions } from './data/fetch-bytes.ts'
export {
  type ConvertDatasetOptions,
  type ConvertedDataset,
  convertDataset,
  type OpenDatasetOptions,
  type OpenedDataset,
  openDataset,
  type ReadDataset,
  readDataset,
  type WriteDatasetOptions,
  type WrittenDataset,
  writeDataset,
} from './data/formats/dataset-files.ts'
export { equalPictures } from './data/formats/equal-pictures.ts'
export type { Loss } from './data/formats/fit.ts'
export type { DatasetFormat, Holdings } from './data/formats/format.ts'
export { type IndexDatasetOptions, indexDataset, type WrittenIndex } from './data/formats/index-dataset.ts'
export type { IndexCheck } from './data/formats/index-sources.ts'
export { type IndexedDataset, type OpenIndexOptions, openIndexedDataset } from './data/formats/indexed-dataset.ts'
export { type NearPair, nearPairs } from './data/formats/near-duplicates.ts'
export { hashDistance, perceptualHash } from './data/formats/perceptual-hash.ts'
export { type DatasetProblem, type ProblemCode, problemCatalogue } from './data/formats/problems.ts'
export type { ReadOptions } from './data/formats/read-context.ts'
export { type SplitOptions, splitDataset } from './data/formats/split.ts'
export { type DatasetStatistics, datasetStatistics, statisticsText } from './data/formats/statistics.ts'
export { type DetectedFormat, datasetFormats, detectFormat } from './data/formats/table.ts'
export { type AlikePictures, type DatasetReport, type ValidateOptions, validateDataset } from './data/formats/validate.ts'
export type { Placement } from './data/formats/write-context.ts'
export { type ClassRule, type ImageFolder, type ImageFolderOptions, listImages, openImageFolder } from './data/image-folder.ts'
export type { LoaderOptions } from './data/loader-options.ts'
export { mixDatasets } from './data/mix.ts'
export { readNpy, readNpz, writeNpy, writeNpz } from './data/numpy-file.ts'
export { type OpenFolderOptions, openFolder } from './data/open-folder.ts'
export type { CvArgument, CvCallResult } from './data/opencv/call.ts'
export type { AlignOptions, Cv, CvOptions, CvStats, FitOptions, FlowOptions } from './data/opencv/cv.ts'
export type { FeatureMethod, ImageFeatures } from './data/opencv/features.ts'
export type { Alignment, MatchedFeatures, RobustFit } from './data/opencv/functions/align.ts'
export type { CalibrationView, Camera, CameraCalibration, CharucoBoard, CharucoView } from './data/opencv/functions/camera.ts'
export type { FlowField, ImageShift, TrackedPoints } from './data/opencv/functions/motion.ts'
export type { EnclosingCircle, FittedLine } from './data/opencv/functions/shapes.ts'
export type { CvMatrix, FloatMap, IntegerMap } from './data/opencv/matrix.ts'
export type { Moments, TurnedBox } from './data/opencv/outline.ts'
export type { CvPipeline } from './data/opencv/pipeline.ts'
export { type ConnectedComponent, type ConnectedComponents, type Contour, contourAnnotation } from './data/opencv/reads/contours.ts'
export type { Circle, HoughLine, LineSegment, TemplateMatch } from './data/opencv/reads/find.ts'
export type { FiducialMarker, QrCode } from './data/opencv/reads/markers.ts'
export type { ValueStatistics } from './data/opencv/reads/measures.ts'
export type { BackgroundSubtractor, BackgroundSubtractorOptions, SubtractedFrame } from './data/opencv/subtractor.ts'
export type { RawPixels } from './data/raw-pixels.ts'
export type { RepeatSampling, Sampling, WeightedSampling } from './data/sampler.ts'
export type { ImageFrame, ImageSource } from './data/source.ts'
export { type CrowdBackground, crowdBackgrounds } from './data/synthetic/crowd/backgrounds.ts'
export { type Crowd, type CrowdOptions, crowdAnnotations, crowdDataset, generateCrowd } from './data/synthetic/crowd/crowd.ts'
export { type CrowdFigure, crowdFigures } from './data/synthetic/crowd/figures.ts'
export { type CrowdLayout, type CrowdPoint, crowdLayouts } from './data/synthetic/crowd/layouts.ts'
export { applyTransform, parseTransform, type Transform } from './data/transforms/compose.ts'
export { transforms } from './data/transforms/index.ts'
export {
  type BatchMix,
  blendSamples,
  drawPartners,
  joinMosaic,
  type Mosaic,
  mixBatch,
  parseMix,
  type SoftBatch,
  softLabels,
} from './data/transforms/mix.ts'
export { type AnnotatedImage, fiveCrop, transformSample } from './data/transforms/sample.ts'
export { type EncodeOptions, type VideoCodec, videoCodecs } from './data/video/encode-options.ts'
export type {
  Frame,
  FrameSize,
  Health,
  HealthChange,
  OpenSourceOptions,
  OverloadPolicy,
  ReconnectOptions,
  SourceStatistics,
  WatchOptions,
} from './data/video/frame.ts'
export type { SourceSpec } from './data/video/open-source.ts'
export type { StreamInfo, VideoInfo, VideoStreamInfo } from './data/video/probe.ts'
export type { VideoProgress, VideoWorkOptions } from './data/video/run-ffmpeg.ts'
export { Source } from './data/video/source.ts'
export { readPatternNumber, testPattern } from './data/video/test-pattern.ts'
export type { Thumbnail, ThumbnailOptions, ThumbnailsOptions } from './data/video/thumbnails.ts'
export type { ClipOptions, TranscodeOptions } from './data/video/transcode.ts'
export type { VideoFrames, WriteVideoOptions } from './data/video/write-video.ts'
export {
  type Batch,
  type BatchFacts,
  type BatchOf,
  type FromFolderOptions,
  type ListBatch,
  type LoaderSource,
  VisionDataLoader,
  type VisionDataset,
} from './data/vision-data-loader.ts'
export { applyThresholds } from './evaluate/apply-thresholds.ts'
export type { BootstrapOptions, Interval } from './evaluate/bootstrap.ts'
export {
  applyCalibration,
  applyRejection,
  type CalibrationResult,
  calibrate,
  chooseRejection,
  type RejectionResult,
} from './evaluate/calibrate.ts'
export { type Evaluation, evaluateClassifier } from './evaluate/classifier.ts'
export { type Comparison, compareEvaluations, type FigureComparison } from './evaluate/compare.ts'
export type { EvaluationData, EvaluationStream } from './evaluate/data.ts'
export { type DrawAnswersOptions, type DrawnAnswer, drawAnswers } from './evaluate/draw-answers.ts'
export type { ClassResult, Timing, VisionEvaluation } from './evaluate/evaluation.ts'
export {
  type EvaluateRunOptions,
  type PredictFunction,
  type Predictor,
  VisionEvaluator,
  type VisionEvaluatorOptions,
} from './evaluate/evaluator.ts'
export { type Fact, type ReportOptions, reportHtml, writeReport } from './evaluate/html/report.ts'
export { modelFacts } from './evaluate/model-facts.ts'
export { mcnemarExact, wilsonInterval } from './evaluate/normal.ts'
export { type EvaluationPlot, evaluationPlots } from './evaluate/plots.ts'
export type { EvaluationSample, FigureInfo, OutcomeMark } from './evaluate/records/records.ts'
export { evaluationText, writeEvaluationPlots } from './evaluate/report.ts'
export {
  type ClassSweep,
  type Sweep,
  type SweepGoal,
  type SweepPoint,
  sweepScores,
  sweepThresholds,
  type ThresholdSweep,
} from './evaluate/sweep.ts'
export type { WorstPicture } from './evaluate/worst.ts'
export { drawWorst, type WorstSheetOptions } from './evaluate/worst-sheet.ts'
export { buildModel, GraphBuilder } from './graph/builder.ts'
export { decodeModel } from './graph/codec/decode.ts'
export { encodeModel } from './graph/codec/encode.ts'
export type { Attribute, Graph, Model, Node, Value, ValueType } from './graph/model.ts'
export { printModel } from './graph/printer.ts'
export { readModel } from './graph/reader.ts'
export { Tensor } from './graph/tensor.ts'
export { verifyModel } from './graph/verifier.ts'
export { type Answer, answerText } from './model/answer-text.ts'
export type { AnswerOf, Classification, ClassScore, HeadAnswer, MultiAnswer } from './model/answers.ts'
export { buildClassifier } from './model/build-classifier.ts'
export { drawPrediction } from './model/draw.ts'
export { type DrawAnswerOptions, drawAnswer, type PictureTruth } from './model/draw-answer.ts'
export { type DrawFeaturesOptions, drawFeatures } from './model/draw-features.ts'
export { type EmbeddingMap, type EmbeddingMapOptions, mapEmbeddings } from './model/embedding-map.ts'
export type { Features } from './model/extract-features.ts'
export { addHeads, type HeadSpec } from './model/heads/add-heads.ts'
export type { Count } from './model/heads/count.ts'
export { type DetectorLayoutName, detectorLayoutNames } from './model/heads/detector-layouts.ts'
export type { Head } from './model/heads/head.ts'
export type { Multilabel } from './model/heads/multilabel.ts'
export type { HubOptions, HubProgress } from './model/hub/settings.ts'
export { fetchSnapshot, type Snapshot } from './model/hub/snapshot.ts'
export { type ImportedModel, type ImportOptions, importModel } from './model/import-model.ts'
export type { InputSpec } from './model/input-spec.ts'
export { describeStages, type StageSummary } from './model/layers.ts'
export type { ModelMetadata, Task } from './model/metadata.ts'
export { readModelFile } from './model/open-model.ts'
export { replaceHead } from './model/replace-head.ts'
export { decodeSafetensors, encodeSafetensors } from './model/safetensors/codec.ts'
export { type LazyTensor, openSafetensors, type SafetensorsFile, writeSafetensors } from './model/safetensors/file.ts'
export { openSharded } from './model/safetensors/sharded.ts'
export type { ListedTensor, TensorSource } from './model/safetensors/source.ts'
export { type ModelSummary, summarize } from './model/summary.ts'
export type { TilesAsked, ViewOptions } from './model/views/options.ts'
export {
  DeepSeekVision,
  type Explanation,
  type FeatureOptions,
  type LoadOptions,
  type ModelRunOptions,
  type Picture,
} from './model/vision-model.ts'
export { type StateDictReport, stateDictText } from './model/weights/report.ts'
export { type LoadedStateDict, loadStateDict, StateDictError, type StateDictOptions } from './model/weights/state-dict.ts'
export { architectureNames, buildNetwork, type Network, type NetworkOptions } from './nn/architectures.ts'
export { type AutodiffOptions, autodiff } from './passes/autodiff.ts'
export { extract } from './passes/extract.ts'
export { findStages, type Stages } from './passes/find-stages.ts'
export { inferShapes } from './passes/infer-shapes.ts'
export { buildTrainingStep, type TrainingStep } from './passes/training-step.ts'
export { openSession, type Session, type SessionOptions } from './runtime/session.ts'
export { SessionStore, type SessionStoreOptions, type SessionStoreStats, sessionStore } from './runtime/session-store.ts'
export type { TrainEvent } from './train/events.ts'
export type { EpochRecord } from './train/history.ts'
export type { Recipe, TrainOptions } from './train/options.ts'
export type { AnomalyRecipe, AnomalyTrainEvent, AnomalyTrainOptions } from './train/tasks/anomaly/options.ts'
export { type AnomalyFigures, AnomalyTrainer, type AnomalyTrainResult } from './train/tasks/anomaly/trainer.ts'
export type { HeadEpochRecord, HeadTrainEvent } from './train/tasks/events.ts'
export { HeadTrainer, type HeadTrainResult } from './train/tasks/head-trainer.ts'
export type { DetectLossOptions, SegmentLossOptions } from './train/tasks/head-training.ts'
export type { HeadRecipe, HeadTrainOptions } from './train/tasks/options.ts'
export { Trainer, type TrainResult } from './train/trainer.ts'
export { type ErrorCode, type ErrorDetails, errorCatalogue, FoveaError, isFoveaError } from './util/errors.ts'
export { Random } from './util/random.ts'
export type { Annotation, Box, Detection, Keypoint, Polygon, RunLengths } from './vision/annotation.ts'
export { AnomalyMap, type AnomalyMapOptions, type OddRegion } from './vision/anomaly.ts'
export { type FusionOptions, fuseBoxes } from './vision/box-fusion.ts'
export {
  boxArea,
  boxIntersection,
  boxIoU,
  boxIoUs,
  type CentreSize,
  type CornerSize,
  clipBox,
  fromCentreSize,
  fromCornerSize,
  type OverlapOptions,
  toAbsolute,
  toCentreSize,
  toCornerSize,
  toRelative,
} from './vision/boxes.ts'
export {
  type CocoDetection,
  Detections,
  type DetectionsOptions,
  type NamedDetection,
  type PlainDetection,
  type RoboflowPrediction,
  type TransformersDetection,
  type UltralyticsDetection,
} from './vision/detections.ts'
export type { DrawnThing } from './vision/drawing/detections.ts'
export type { DrawnLine, DrawnZone } from './vision/drawing/tracking.ts'
export type { LabelMap } from './vision/geometry/label-map.ts'
export type { AnnotationRule } from './vision/geometry/move-annotations.ts'
export type { Image } from './vision/image.ts'
export type { LabelClass, LabelledPicture, LabelledSet, LabelledStream } from './vision/labelled-set.ts'
export { maskPolygons } from './vision/mask-polygons.ts'
export { Accuracy, TopKAccuracy } from './vision/metrics/accuracy.ts'
export { AnomalyMetric, type AnomalyOptions, type AnomalyPicture, type AnomalyReport } from './vision/metrics/anomaly.ts'
export { BleuMetric, type BleuScores } from './vision/metrics/bleu.ts'
export { BoundaryMetric, type BoundaryReport, type LabelledPicturePixels } from './vision/metrics/boundary.ts'
export { type Calibration, type CalibrationBin, CalibrationError } from './vision/metrics/calibration.ts'
export type { Caption, CaptionedPicture } from './vision/metrics/caption-words.ts'
export { CiderMetric, type CiderScores } from './vision/metrics/cider.ts'
export { type ClassRanking, ClassRankingMetric } from './vision/metrics/class-ranking.ts'
export { type ClassFigures, type ClassReport, ClassReportMetric, type ClassScores, classReport } from './vision/metrics/class-report.ts'
export { type CocoClassFigures, CocoMetric, type CocoOptions, type CocoReport } from './vision/metrics/coco.ts'
export type { CocoCurve, CocoFigures } from './vision/metrics/coco-figures.ts'
export { type ConfusionCounts, ConfusionMatrix } from './vision/metrics/confusion-matrix.ts'
export { type CountBatch, type CountErrors, CountMetric } from './vision/metrics/counting.ts'
export {
  DetectionConfusion,
  type DetectionConfusionOptions,
  type DetectionPairing,
  pairDetections,
} from './vision/metrics/detection-confusion.ts'
export type { DetectedPicture } from './vision/metrics/detections.ts'
export { type LossBatch, MeanLoss } from './vision/metrics/mean-loss.ts'
export type { ClassificationBatch, Metric, MetricState } from './vision/metrics/metric.ts'
export {
  type PanopticFigures,
  type PanopticMap,
  PanopticMetric,
  type PanopticPicture,
  type PanopticReport,
  type PanopticSegment,
} from './vision/metrics/panoptic.ts'
export { areaUnderRoc, averagePrecisionOf, type BestF1, bestF1, countScores, type ScoreCounts } from './vision/metrics/ranking.ts'
export {
  type CoveragePoint,
  type Rejection,
  type RejectionGoal,
  rejectionThreshold,
  riskCoverage,
  riskCoverageArea,
} from './vision/metrics/risk-coverage.ts'
export { RougeMetric } from './vision/metrics/rouge.ts'
export { type LabelledPixels, SegmentationMetric, type SegmentationReport } from './vision/metrics/segmentation.ts'
export { fitTemperature, type TemperatureFit } from './vision/metrics/temperature.ts'
export { VocMetric, type VocOptions, type VocReport } from './vision/metrics/voc.ts'
export { type NmsOptions, nonMaxSuppression } from './vision/nms.ts'
export { boxMask, polygonMask, polygonsMask } from './vision/polygon-mask.ts'
export type {
  AnomalyPrediction,
  CaptionPrediction,
  ClassPrediction,
  CountPrediction,
  DetectionPrediction,
  MultilabelPrediction,
  Prediction,
  PredictionOf,
  PredictionTask,
  SegmentationPrediction,
} from './vision/predictions.ts'
export type { Preprocessing } from './vision/preprocessing.ts'
export type { CompressedMask } from './vision/run-length-text.ts'
export { fromRunLengthText, toRunLengthText } from './vision/run-length-text.ts'
export {
  checkRunLengths,
  decodeMask,
  encodeMask,
  maskArea,
  maskBounds,
  maskIntersection,
  maskIoU,
  mergeMasks,
  visitRuns,
} from './vision/run-lengths.ts'
export { Segmentation } from './vision/segmentation.ts'
export { type MergeTilesOptions, mergeTiles, type Tile, type TileDetections, type TileOptions, tilesOf } from './vision/tiles.ts'
export { type AssignmentProblem, linearAssignment } from './vision/tracking/assignment.ts'
export type { ClockOptions, FrameTime } from './vision/tracking/clock.ts'
export type { Track, TrackState } from './vision/tracking/track.ts'
export { Tracker, type TrackerOptions, type TrackScores, trackIdOf } from './vision/tracking/tracker.ts'
export { type Trail, Trails, type TrailsOptions } from './vision/tracking/trails.ts'
export { type Anchor, anchorNames } from './vision/zones/anchors.ts'
export { type LineCrossings, LineZone, type LineZoneOptions } from './vision/zones/line-zone.ts'
export { PolygonZone, type PolygonZoneOptions, type Visit, type ZoneChanges } from './vision/zones/polygon-zone.ts'
