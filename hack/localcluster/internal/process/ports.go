package process

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Ports are chosen below the range from which systems take the ports of outgoing connections, so that nobody gets the
// port of a component while that component is stopped.
const (
	lowestPort  = 20000
	highestPort = 32000
	attempts    = 1000
)

// FreePorts returns the first of count consecutive ports that are free on the loopback addresses. Blocks are aligned, so
// that two callers of FreePorts get either the same block, in which they see each other's ports, or disjoint ones.
func FreePorts(count int) (int, error) {
	blocks := (highestPort - lowestPort) / count
	for range attempts {
		base := lowestPort + count*rand.IntN(blocks)
		if allFree(base, count) {
			return base, nil
		}
	}
	return 0, errors.New("no block of free ports on the loopback interface")
}

func allFree(base, count int) bool {
	for port := base; port < base+count; port++ {
		if !free("127.0.0.1", port) || !free("::1", port) {
			return false
		}
	}
	return true
}

// free reports whether port can be listened on. An address that the machine does not have counts as free.
func free(address string, port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
	}
	return l.Close() == nil
}
