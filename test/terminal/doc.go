// Package terminal tests kubectl rcroll get --watch in a real pseudo-terminal, whose
// screen an emulator keeps, against an API server that serves a rolling update step by
// step.
package terminal
