// Trains a classifier on a folder of pictures, measures it, and asks it about one picture.
//   node examples/train-and-predict.ts photos/ photo.jpg

import { DeepSeekVision, evaluateClassifier, Trainer, transforms, VisionDataLoader } from 'fovea'

const [photos = 'photos/', photo = 'photo.jpg', out = 'runs/example', epochs = '10'] = process.argv.slice(2)

const { splits } = await VisionDataLoader.fromFolder(photos)
const augment = transforms.compose([transforms.randomRotation(15), transforms.colorJitter({ brightness: 0.2 })])
const trainer = new Trainer({ train: splits.train!, validation: splits.val!, augment, epochs: Number(epochs), out })
const { file } = await trainer.run()

const model = await DeepSeekVision.load(file, { device: 'cpu' })
const { accuracy } = await evaluateClassifier(model, splits.val!)
const { label, probability } = await model.predict(photo)
const { shape, data } = await model.extractFeatures(photo, { layer: 'conv3' })
console.log({ file, accuracy, label, probability, shape, features: data.length })
await model.close()
