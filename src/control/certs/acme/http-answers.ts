// http-01 (RFC 8555 §8.3): the answers of all orders under way, as one set that every worker has before the authority is told
// to look.

import type {ChallengeAnswer} from '../../../snapshot/certificate.ts'
import type {Prover} from './prover.ts'

/** `setChallenges` gets the whole set and resolves when it is answered everywhere. */
export function createHttpAnswers(
  setChallenges: (answers: readonly ChallengeAnswer[]) => Promise<void>,
): Prover & {readonly kind: 'http-01'} {
  // By token: each is one challenge's and nobody else's. As many as the orders under way have names.
  const answers = new Map<string, ChallengeAnswer>()
  const handOver = () => setChallenges([...answers.values()])
  return {
    kind: 'http-01',
    module: {
      async set({challenge: {identifier, token, keyAuthorization}}) {
        answers.set(token, {host: identifier.value.toLowerCase(), token, keyAuthorization})
        await handOver()
        return null
      },
      async get({challenge: {token}}) {
        return answers.get(token) ?? null
      },
      async remove({challenge: {token}}) {
        if (answers.delete(token)) await handOver()
        return null
      },
    },
  }
}
