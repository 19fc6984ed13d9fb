// What routes have answered, as the main thread reads it; the slots are those of the board of routes.

import {answersLane, answersRecord, clearAnswers, createAnswersSegment, readAnswers} from './answers.ts'
import {segmentOf} from './segment.ts'

/** The main thread's side: segments beside those of the routes, one for each, that give a slot to the same route. */
export function createAnswersBoard(lanes: number) {
  const segments: SharedArrayBuffer[] = []
  const views: Float64Array[][] = []
  const lanesOf = (slot: number) => views[segmentOf(slot)] ?? []
  return {
    segments(count: number): readonly SharedArrayBuffer[] {
      while (segments.length < count) {
        const segment = createAnswersSegment(lanes)
        segments.push(segment)
        views.push(Array.from({length: lanes}, (_, lane) => answersLane(segment, lane)))
      }
      return segments
    },
    read: (slot: number) => readAnswers(lanesOf(slot), answersRecord(slot)),
    clear: (slot: number) => clearAnswers(lanesOf(slot), answersRecord(slot)),
  }
}
