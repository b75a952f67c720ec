package wire

import "hash/crc32"

// The checksum of gzip is the remainder of a polynomial over GF(2). That of A followed by B is the one of A, moved up by the
// length of B, plus the one of B; moving up is a multiplication by x^(8·len B). Whoever has checksum, length and that
// power of the parts needs no look at their bytes to have the checksum of the whole. Polynomials are written as CRC-32 does:
// the highest bit is the coefficient of x^0.

// crcOne is the polynomial 1.
const crcOne = 1 << 31

// crcTimes returns a·b modulo CRC-32's polynomial.
func crcTimes(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}

// crcSquares holds x^(2^i).
var crcSquares = func() (squares [32]uint32) {
	square := uint32(crcOne >> 1) // x
	for i := range squares {
		squares[i] = square
		square = crcTimes(square, square)
	}
	return squares
}()

// crcShift returns x^(8·n): what n bytes behind it do to a checksum.
func crcShift(n int) uint32 {
	power := uint32(crcOne)
	for i := 3; n > 0; i++ { // 8 is the third square
		if n&1 != 0 {
			power = crcTimes(power, crcSquares[i%len(crcSquares)]) // x^(2^32) is x again
		}
		n >>= 1
	}
	return power
}
