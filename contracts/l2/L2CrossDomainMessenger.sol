// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {AddressAlias} from "../bridge/AddressAlias.sol";
import {CrossDomainMessenger} from "../bridge/CrossDomainMessenger.sol";
import {L2ToL1MessagePasser} from "./L2ToL1MessagePasser.sol";
import {Predeploys} from "./Predeploys.sol";

/// The messenger on the child.
/// @custom:predeploy 0x4200000000000000000000000000000000000007
contract L2CrossDomainMessenger is CrossDomainMessenger {
    string public constant version = "2.2.0+varve.1";

    /// Slot 4: the messenger on the parent. Genesis sets it.
    address public l1CrossDomainMessenger;

    function otherMessenger() public view override returns (address) {
        return l1CrossDomainMessenger;
    }

    function _sendMessage(address _to, uint64 _gasLimit, uint256 _value, bytes memory _data) internal override {
        L2ToL1MessagePasser(payable(Predeploys.L2_TO_L1_MESSAGE_PASSER)).initiateWithdrawal{value: _value}(
            _to, _gasLimit, _data
        );
    }

    function _isOtherMessenger() internal view override returns (bool) {
        return msg.sender == AddressAlias.apply_(l1CrossDomainMessenger);
    }

    /// Through the message passer a message could send withdrawals in this messenger's name.
    function _isUnsafeTarget(address _target) internal view override returns (bool) {
        return _target == address(this) || _target == Predeploys.L2_TO_L1_MESSAGE_PASSER;
    }

    function _isUnsafeRemoteTarget(address _target) internal view override returns (bool) {
        return _target == l1CrossDomainMessenger;
    }
}
