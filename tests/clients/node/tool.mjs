// The one tool that clients declare and run themselves.

export const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}
export const declaration = {
  type: 'function',
  function: { name: 'local_time', description: 'The local time in a city.', parameters, strict: true },
}
export const localTime = ({ city }) => `noon in ${city}`
