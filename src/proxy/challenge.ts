// Answers to http-01 challenges (RFC 8555 §8.3): given before anything else, to exactly the host and the token that are
// pending. Everything else below the well-known path is a request like any other.

import type {ChallengeAnswer} from '../snapshot/certificate.ts'

const PATH = '/.well-known/acme-challenge/'

/** What is pending, by host and path. */
export type Challenges = ReadonlyMap<string, string>

export function createChallenges(answers: readonly ChallengeAnswer[]): Challenges {
  return new Map(answers.map(({host, token, keyAuthorization}) => [host + PATH + token, keyAuthorization]))
}

/** What a GET or HEAD of this path at this host is answered with; null when that is no pending challenge. */
export function findChallenge(challenges: Challenges, method: string, host: string, path: string): string | null {
  return method === 'GET' || method === 'HEAD' ? (challenges.get(host + path) ?? null) : null
}
