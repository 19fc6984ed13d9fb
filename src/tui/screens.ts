// The screens by number: 1 is the first.

import type {Screen} from './screen.ts'
import {CERTS} from './screens/certs.ts'
import {COMMITS} from './screens/commits.ts'
import {INSTANCES} from './screens/instances.ts'
import {LOG} from './screens/log.ts'
import {ROUTES} from './screens/routes.ts'
import {TRAFFIC} from './screens/traffic.ts'
import type {ScreenName} from './state.ts'

export const SCREENS: readonly Screen[] = [ROUTES, INSTANCES, CERTS, COMMITS, TRAFFIC, LOG]

export function screenNamed(name: ScreenName): Screen {
  return SCREENS.find(screen => screen.name === name) ?? ROUTES
}
