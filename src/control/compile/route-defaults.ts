// What the settings say for all routes, beneath what a route says itself: key by key, and `off` stays off.

import type {Config} from '../config/config.ts'
import type {Route, SettingsRouteDefaults} from '../config/types.ts'

export type RouteDefaults = Pick<SettingsRouteDefaults, 'timeouts' | 'retry'>

/** The route as if it had been written with them. One that answers itself has nothing to try again. */
export function withDefaults(route: Route, defaults: RouteDefaults): Route {
  const timeouts = defaults.timeouts && {...defaults.timeouts, ...route.timeouts}
  const retry = route.redirect || route.respond ? undefined : retryBeneath(route.retry, defaults.retry)
  return timeouts || retry !== undefined
    ? {...route, ...(timeouts && {timeouts}), ...(retry !== undefined && {retry})}
    : route
}

/** For people: the configuration as it means what it says. */
export function configWithDefaults(config: Config, defaults: RouteDefaults): Config {
  const routes = config.routes.map(placed => ({...placed, value: withDefaults(placed.value, defaults)}))
  return {...config, routes}
}

// ---

function retryBeneath(own: Route['retry'], beneath: Route['retry']): Route['retry'] {
  if (own === undefined) return beneath
  return typeof own === 'object' && typeof beneath === 'object' ? {...beneath, ...own} : own
}
