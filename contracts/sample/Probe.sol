// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// Shows a client each way in which a call can end, and what a contract sees of its block.
contract Probe {
    error TooMuch(uint256 asked, uint256 limit);

    event Noted(address indexed from, uint256 indexed key, string text);

    uint256 public constant LIMIT = 100;
    mapping(uint256 => uint256) public notes;

    receive() external payable {}

    function note(uint256 key, uint256 value, string calldata text) external {
        if (value > LIMIT) revert TooMuch(value, LIMIT);
        notes[key] = value;
        emit Noted(msg.sender, key, text);
    }

    function refuse(string calldata why) external pure {
        revert(why);
    }

    function panic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function burnGas() external pure {
        assembly {
            invalid()
        }
    }

    function timestamp() external view returns (uint256) {
        return block.timestamp;
    }

    function chain() external view returns (uint256) {
        return block.chainid;
    }
}
