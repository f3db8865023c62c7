// The function of the rehearsal.

export default (input) => input;
