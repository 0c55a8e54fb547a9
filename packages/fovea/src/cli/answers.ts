// What a model answers about a picture, as a line of text and as a picture.

import { drawDetections } from '../data/draw-detections.ts'
import type { Classification, HeadAnswer, MultiAnswer } from '../model/answers.ts'
import { drawPrediction } from '../model/draw.ts'
import type { Explanation } from '../model/vision-model.ts'
import { Detections } from '../vision/detections.ts'
import type { Image } from '../vision/image.ts'

export type Answer = HeadAnswer | MultiAnswer

/** `scratch  97.1 %`, `3 RBC, 1 WBC`, or both, by the names of the heads. */
export function answerText(answer: Answer): string {
  if (answer.task === 'multi')
    return Object.entries(answer.heads)
      .map(([name, each]) => `${name}: ${answerText(each)}`)
      .join('; ')
  return answer instanceof Detections ? countsText(answer) : classText(answer as Classification)
}

function classText({ label, probability }: Classification): string {
  return `${label}  ${(100 * probability).toFixed(1)} %`
}

function countsText(found: Detections): string {
  const counts = Object.entries(found.counts()).filter(([, count]) => count > 0)
  return counts.length === 0 ? 'nothing' : counts.map(([name, count]) => `${count} ${name}`).join(', ')
}

/** The picture with the answer on it; of several heads all detections, and the class below. */
export async function drawAnswer(image: Image, answer: Answer, explanation?: Explanation): Promise<Image> {
  const answers = answer.task === 'multi' ? Object.values(answer.heads) : [answer]
  let drawn = image
  for (const each of answers) if (each instanceof Detections) drawn = await drawDetections(drawn, scaledTo(each, image, drawn).detections)
  for (const each of answers)
    if (each.task === 'classify' && !(each instanceof Detections))
      drawn = await drawPrediction(drawn, each, explanation ? { explanation } : {})
  return drawn
}

/** What an earlier drawing enlarged is drawn over in its new size. */
function scaledTo(found: Detections, from: Image, to: Image): Detections {
  const [x, y] = [to.width / from.width, to.height / from.height]
  if (x === 1 && y === 1) return found
  const moved = found.detections.map((detection) => {
    const { box } = detection
    return box === undefined ? detection : { ...detection, box: { x1: box.x1 * x, y1: box.y1 * y, x2: box.x2 * x, y2: box.y2 * y } }
  })
  return new Detections(moved, { labels: found.labels, width: to.width, height: to.height })
}
