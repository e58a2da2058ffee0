// Package view draws what a terminal shows of a rolling update: objects in, View out, and
// of that the lines of a frame. It does no I/O.
package view
