// What all routes together have answered, look by look: nothing twice, nothing left out.

import {test} from 'uvu'
import * as assert from 'uvu/assert'
import {answersLane, answersRecord, countAnswer} from '../../src/scoreboard/answers.ts'
import {createAnswersBoard} from '../../src/scoreboard/answers-board.ts'
import {createBoard} from '../../src/scoreboard/board.ts'
import {ERRORS, IN_FLIGHT, laneOf, REQUESTS, recordOf, segmentOf} from '../../src/scoreboard/segment.ts'
import {createTally, type Tally} from '../../src/scoreboard/tally.ts'

const LANES = 2
const RETIRED_MS = 10 * 60_000 + 1

function counting() {
  const answers = createAnswersBoard(LANES)
  const routes = createBoard(LANES, 'counters', answers.clear)
  routes.slotOf('')
  const histograms = () => answers.segments(routes.segments().length)
  const at = (id: string, lane: number) => {
    const slot = routes.slotOf(id)
    const [segment, histogram] = [routes.segments()[segmentOf(slot)], histograms()[segmentOf(slot)]]
    if (!segment || !histogram) throw new Error('no segment')
    return {slot, counters: laneOf(segment, lane), record: recordOf(slot), histogram: answersLane(histogram, lane)}
  }
  const add = (id: string, lane: number, field: number, amount: number) => {
    const {counters, record} = at(id, lane)
    counters[record + field] = (counters[record + field] ?? 0) + amount
  }
  return {
    routes,
    tally: createTally(routes.segments, histograms),
    begin(id: string, lane = 0) {
      add(id, lane, REQUESTS, 1)
      add(id, lane, IN_FLIGHT, 1)
    },
    /** As finishExchange does it, in its order. */
    end(id: string, status: number, ms: number, lane = 0) {
      const {slot, histogram} = at(id, lane)
      countAnswer(histogram, answersRecord(slot), 'GET', status, ms)
      if (id === '') return
      add(id, lane, IN_FLIGHT, -1)
      if (status >= 500) add(id, lane, ERRORS, 1)
    },
  }
}

const answersIn = ({buckets}: Tally) => buckets.reduce((sum, count) => sum + count, 0)

test('answers of every route and worker, and of requests without a route, are counted once', () => {
  const {tally, begin, end} = counting()
  begin('a')
  end('a', 200, 0.4)
  begin('b', 1)
  end('b', 503, 30, 1)
  end('', 404, 0.1)
  const first = tally()
  assert.equal([first.buckets[0], first.buckets[6], first.errors, answersIn(first)], [2, 1, 1, 3])
  assert.equal([answersIn(tally()), tally().errors], [0, 0])
})

test('an answer to a request that began before the last look is found', () => {
  const {tally, begin, end} = counting()
  begin('a')
  assert.is(answersIn(tally()), 0)
  end('a', 200, 1200)
  assert.is(answersIn(tally()), 1)
  assert.is(answersIn(tally()), 0)
})

test('a slot that is given to another route begins anew', () => {
  const {tally, routes, begin, end} = counting()
  for (let count = 0; count < 5; count++) {
    begin('old')
    end('old', 500, 1)
  }
  tally()
  routes.retain([''], 0)
  routes.retain([''], RETIRED_MS)
  assert.is(routes.find('old'), undefined)
  const now = tally()
  assert.equal([answersIn(now), now.errors], [0, 0])
  begin('new')
  end('new', 500, 1)
  const next = tally()
  assert.equal([answersIn(next), next.errors], [1, 1])
})

test('of more routes than one call looks at, the next call looks at the others', () => {
  const {tally, begin, end} = counting()
  const routes = Array.from({length: 140_000}, (_, index) => `r${index}`)
  for (const id of routes) {
    begin(id)
    end(id, 200, 1)
  }
  const [one, other, third] = [tally(), tally(), tally()]
  assert.ok(answersIn(one) < routes.length)
  assert.is(answersIn(one) + answersIn(other), routes.length)
  assert.is(answersIn(third), 0)
})

test.run()
