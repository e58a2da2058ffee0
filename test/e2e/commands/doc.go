// Package commands runs rcroll's own commands, as plugins of the real kubectl.
package commands
